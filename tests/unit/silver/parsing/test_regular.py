"""The fast way to read an event: whatever it reads, the general way reads alike."""

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from silver.parsing.events import read_any, read_event
from silver.parsing.fields import FIELDS, TYPES
from silver.parsing.regular import read_regular
from tests.support.records import FEEDBACK, MOVIE, SERIES, USER

TEXTS = st.sampled_from(
    [
        *(
            "Ángel",
            "A",
            "9",
            "3.0",
            "2025-05-13T11:59:00Z",
            "2025-05-13",
            "1990",
            "1990s",
            "rating",
            "view",
            "like",
        ),
        *("", " ", " A", "A\u00a0", "\u200d", "e\u0301", "a\0b", 'a"b', "a\\", ": ", '","', "[]", "\x7f"),
    ]
)
TEXT = TEXTS.map(lambda text: json.dumps(text, ensure_ascii=False))
NUMBER = st.sampled_from(["0", "-0", "3", "3.0", "2.50", "1e2", "1E400", "4.5", "1" * 30, "01", "+1", "NaN", "-1"])
ARRAY = st.lists(TEXTS, max_size=3).map(lambda texts: json.dumps(texts, ensure_ascii=False))
OTHER = st.sampled_from(
    ["null", "true", "{}", '{"a":[1]}', '["a",1]', "[[]]", "'a'", '"\\ud800"', '"\\u00e1"', "\x01"]
)
KINDS = {field.name: ARRAY if field.is_array else st.one_of(TEXT, NUMBER) for field in FIELDS}


@st.composite
def documents(draw: st.DrawFn) -> str:
    """Mostly fields of one type with values of their kind: otherwise hardly any document would be regular."""
    event_type = draw(st.sampled_from([*TYPES, "person"]))
    own = [field.name for field in FIELDS if event_type in field.types and field.name != "type"]
    names = draw(st.lists(st.sampled_from(own or ["id"]), max_size=6, unique=draw(st.booleans())))
    members = [f'"{name}":{draw(KINDS[name])}' for name in names] + [f'"type":"{event_type}"']
    if draw(st.integers(0, 3)) == 0:
        odd = draw(st.sampled_from([*KINDS, "pais"]))
        members.append(f'"{odd}":{draw(OTHER)}')
    blank, end = (
        draw(st.sampled_from(["", " ", "\n", "\u00a0"])),
        draw(st.sampled_from(["", "", "", "\ufeff", "{}"])),
    )
    return "{" + f",{blank}".join(draw(st.permutations(members))) + "}" + end


@settings(max_examples=2_000, deadline=None)
@given(documents())
def test_both_ways_read_alike(value: str) -> None:
    fast, general = read_event(value), read_any(value)
    assert fast == general
    assert list(fast.fields) == list(general.fields)  # columns are made from the values in this order


@pytest.mark.parametrize(
    "event",
    [
        USER | {"generos": ["Acción", "Drama"], "decadas_favoritas": ["1990s", "1990"], "clasificacion": "R"},
        MOVIE | {"directores": [], "decada_lanzamiento": "1990"},
        SERIES | {"numero_temporadas": 2, "numero_episodios": 2.0},
        FEEDBACK | {"action": "view", "rating": 4.5, "seconds_watched": 10},
    ],
    ids=lambda event: event["type"],
)
def test_what_producers_send_is_read_fast(event: dict[str, Any]) -> None:
    value = json.dumps(event, ensure_ascii=False)
    assert read_regular(value) == read_any(value).fields


@pytest.mark.parametrize(
    "value",
    [
        '{"type":"feedback","rating":' + "[" * 100_000 + "]" * 100_000 + "}",
        '{"pais":' + '{"a":' * 100_000 + "1" + "}" * 100_000 + ',"type":"movie"}',
        '{"type":' + "[" * 100_000,
    ],
    ids=["a deep number", "a deep field before the type", "a deep type"],
)
def test_a_deep_document_is_no_object_and_no_error(value: str) -> None:
    assert not read_event(value).is_object


def test_a_name_that_occurs_twice_is_not_overlooked() -> None:
    value = json.dumps(MOVIE).replace("{", '{"titulo": "another", ')
    assert read_regular(value) is None
    assert not read_event(value).is_object
