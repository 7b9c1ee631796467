"""Parsing the wire format: cleaned fields, typed values, and unknown fields."""

from datetime import date
from typing import Any

import pytest

from silver.parsing.wire import parse_batch
from tests.support.records import FEEDBACK, KAFKA_TIME, MOVIE, SERIES, USER, bronze_batch, bronze_row, moment

BASE = {"user": USER, "movie": MOVIE, "series": SERIES, "feedback": FEEDBACK}
RATING, VIEW = FEEDBACK | {"action": "rating"}, FEEDBACK | {"action": "view"}


def escaped(text: str) -> str:
    r"""The text as a JSON document, with every non-ASCII character as \uXXXX."""
    return "".join(char if ord(char) < 128 else f"\\u{ord(char):04x}" for char in text)


# event -> fields of the parsed row, by the reason for the case
FIELDS: dict[str, tuple[dict[str, Any] | str, dict[str, object]]] = {
    "absent arrays are empty": (USER, {"generos": [], "directores": [], "actores": [], "decadas_favoritas": []}),
    "null arrays are empty": (MOVIE | {"generos": None}, {"generos": []}),
    "null, blank and repeated items go, order stays": (
        MOVIE | {"generos": ["b", None, " ", "a", "\u00a0b ", "", "\u200b", "a"]},
        {"generos": ["b", "a"]},
    ),
    "items that are numbers are text": (MOVIE | {"actores": [1, 2.5, True]}, {"actores": ["1", "2.5", "true"]}),
    "items in other letters are others": (MOVIE | {"actores": ["Ana", "ANA"]}, {"actores": ["Ana", "ANA"]}),
    "items the same only in NFC are one": (MOVIE | {"actores": ["Jose\u0301", "José"]}, {"actores": ["José"]}),
    "an item that looks like an array": (
        MOVIE | {"actores": ["[REC]", "{x}"]},
        {"actores": ["[REC]", "{x}"], "wrong_type": []},
    ),
    "a title that is a number": (MOVIE | {"titulo": 1917}, {"titulo": "1917"}),
    "a title that is a fraction": (MOVIE | {"titulo": 8.5}, {"titulo": "8.5"}),
    "a title that is true": (MOVIE | {"titulo": True}, {"titulo": "true"}),
    "an id that is a large number": (MOVIE | {"id": 12345678901234567890}, {"id": "12345678901234567890"}),
    "scalars are trimmed": (
        MOVIE | {"id": " m\u00a0", "titulo": "\u200b El\u200b viaje \n"},
        {"id": "m", "titulo": "El\u200b viaje"},
    ),
    "scalars become NFC": (MOVIE | {"titulo": "Ame\u0301lie"}, {"titulo": "Amélie"}),
    "escaped scalars become NFC": (
        escaped('{"id":"m","type":"movie","titulo":"Ame\u0301lie \u212b"}'),
        {"titulo": "Amélie Å"},
    ),
    "the id becomes NFC": (MOVIE | {"id": "e\u0301"}, {"id": "é"}),
    "escapes are read": (r'{"titulo":"Caf\u00e9 \/ \"noche\" \\ \n\t."}', {"titulo": 'Café / "noche" \\ \n\t.'}),
    "escapes are read with NFC needed too": (
        '{"titulo":"e\u0301 \\"x\\" \\\\ \\n."}',
        {"titulo": 'é "x" \\ \n.'},
    ),
    "an escaped emoji": (r'{"titulo":"\ud83d\udc94"}', {"titulo": "💔"}),
    "an escaped NUL goes": (r'{"titulo":"a\u0000b"}', {"titulo": "ab"}),
    "raw is what was sent": (
        MOVIE | {"titulo": "  El viaje "},
        {"raw.titulo": "  El viaje ", "titulo": "El viaje"},
    ),
    "a nested scalar is null": (
        MOVIE | {"titulo": {"a": [1]}},
        {"titulo": None, "raw.titulo": '{"a":[1]}', "wrong_type": ["titulo"]},
    ),
    "field names know case": (MOVIE | {"TITULO": "x"}, {"titulo": "El viaje"}),
    "a dotted name is another": (MOVIE | {"titulo.x": "y"}, {"titulo": "El viaje"}),
    "decade as text": (MOVIE | {"decada_lanzamiento": "1990s"}, {"decada": "1990s"}),
    "decade as a number": (MOVIE | {"decada_lanzamiento": 1990}, {"decada": "1990s"}),
    "decades": (USER | {"decadas_favoritas": [1990, "1990s", "80s"]}, {"decadas": ["1990s", None]}),
    "seasons as text": (SERIES | {"numero_temporadas": " 3 "}, {"temporadas": 3}),
    "seasons with a point": (SERIES | {"numero_temporadas": 3.0}, {"temporadas": 3}),
    "seasons as an exponent are none": (SERIES | {"numero_temporadas": "3e0"}, {"temporadas": None}),
    "episodes beyond an integer": (SERIES | {"numero_episodios": 2147483648}, {"episodios": None}),
    "decades of no user": (MOVIE | {"decadas_favoritas": ["1990s"]}, {"decadas": []}),
    "seasons of no series": (MOVIE | {"numero_temporadas": 3}, {"numero_temporadas": "3", "temporadas": None}),
    "stars": (RATING | {"rating": "4.5"}, {"stars": 4.5}),
    "stars of no rating": (VIEW | {"rating": "4.5"}, {"rating": "4.5", "stars": None}),
    "seconds of no view": (RATING | {"seconds_watched": 0}, {"seconds_watched": "0", "seconds": None}),
    "stars that are NaN": (RATING | {"rating": "NaN"}, {"stars": None}),
    "stars beyond a double": (RATING | {"rating": "1e999"}, {"stars": float("inf")}),
    "seconds": (VIEW | {"seconds_watched": "1260"}, {"seconds": 1260}),
    "a subscription day": (USER | {"fecha_suscripcion": "2024-02-29"}, {"fecha": date(2024, 2, 29)}),
    "no object has no fields": ("[1]", {"is_object": False, "id": None, "generos": [], "unknown_fields": []}),
}

EXTRA = {"text": "MX", "number": 7, "nested": {"a": [1, None]}, "list": ["x"], "nothing": None, "flag": True}
SAMPLES = {
    "text": "MX",
    "number": "7",
    "nested": '{"a":[1,null]}',
    "list": '["x"]',
    "nothing": None,
    "flag": "true",
}
KNOWN = {
    "user": USER
    | {
        "fecha_suscripcion": "2024-02-29",
        "generos": [],
        "directores": [],
        "actores": [],
        "clasificacion": "R",
        "decadas_favoritas": [],
    },
    "movie": MOVIE
    | {"generos": [], "directores": [], "actores": [], "clasificacion": "R", "decada_lanzamiento": "1990s"},
    "series": SERIES
    | {
        "generos": [],
        "directores": [],
        "actores": [],
        "clasificacion": "R",
        "numero_temporadas": 1,
        "numero_episodios": 2,
    },
    "feedback": FEEDBACK | {"rating": 4, "seconds_watched": 5},
}
UNKNOWN: dict[str, tuple[dict[str, Any], dict[str, str | None]]] = {
    **{f"{kind}: no known one": (event, {}) for kind, event in KNOWN.items()},
    **{f"{kind}: all others": (event | EXTRA, SAMPLES) for kind, event in KNOWN.items()},
    "another type's field": (MOVIE | {"numero_temporadas": 3}, {"numero_temporadas": "3"}),
    "another case": (MOVIE | {"Titulo": "x"}, {"Titulo": "x"}),
    "a long sample is cut": (MOVIE | {"sinopsis": "x" * 300}, {"sinopsis": "x" * 200}),
    "no type, no verdict": (MOVIE | {"type": "podcast", "pais": "MX"}, {}),
}


@pytest.fixture(scope="module")
def by_case() -> dict[str, dict[str, Any]]:
    """The parsed row of each case; its topic is the case."""
    events = {name: event for name, (event, _) in {**FIELDS, **UNKNOWN}.items()}
    batch = bronze_batch([bronze_row(event, topic=name) for name, event in events.items()])
    return {row["topic"]: row | {"raw": dict(row["raw"])} for row in parse_batch(batch).to_pylist()}


@pytest.mark.parametrize("case", FIELDS)
def test_fields_are_read_and_cleaned(by_case: dict[str, dict[str, Any]], case: str) -> None:
    expected = FIELDS[case][1]
    row = by_case[case]
    got = {name: row["raw"][name[4:]] if name.startswith("raw.") else row[name] for name in expected}
    assert got == expected


@pytest.mark.parametrize("case", UNKNOWN)
def test_unknown_fields_are_recorded_with_a_sample(by_case: dict[str, dict[str, Any]], case: str) -> None:
    assert {found["field"]: found["sample"] for found in by_case[case]["unknown_fields"]} == UNKNOWN[case][1]


def test_key_and_tombstone_are_distinguished() -> None:
    records = [
        bronze_row(None, key=" e\0\u0301 "),  # the key is cleaned like an id
        bronze_row("", key="k"),
        bronze_row(b"\xff", key="k"),
        bronze_row(None, key=None),
    ]
    found = parse_batch(bronze_batch(records)).to_pylist()
    assert [(row["is_tombstone"], row["key_id"], row["event_timestamp"]) for row in found] == [
        (True, "é", moment(KAFKA_TIME)),  # a tombstone's time is that of its record
        (False, "k", None),
        (False, "k", None),
        (True, None, moment(KAFKA_TIME)),
    ]


def test_a_batch_without_rows_has_all_columns() -> None:
    empty = bronze_batch([bronze_row(MOVIE)]).slice(1)
    assert parse_batch(empty).to_pylist() == []
    assert parse_batch(empty).schema == parse_batch(bronze_batch([bronze_row(MOVIE)])).schema
