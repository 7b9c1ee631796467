"""Records that are costly to read, or ambiguous."""

import json

import pytest

from silver.parsing.events import read_event
from silver.parsing.fields import EMPTY

MOVIE = {"id": "m", "type": "movie", "timestamp": "2025-05-13T11:59:00Z", "titulo": "A"}


@pytest.mark.parametrize("number", [7, 7.0])
def test_equal_numbers_are_one_id(number: float) -> None:
    assert read_event(json.dumps(MOVIE | {"id": number})).fields["id"] == "7"


def test_a_decade_may_be_a_number_with_a_point() -> None:
    assert read_event(json.dumps(MOVIE | {"decada_lanzamiento": 1990.0})).fields["decada"] == "1990s"


def test_the_first_of_many_unknown_fields_are_recorded() -> None:
    many = {f"field {number:06}": number for number in reversed(range(100_000))}
    unknown = read_event(json.dumps(MOVIE | many)).unknown_fields
    assert [one.field for one in unknown] == [f"field {number:06}" for number in range(100)]


def test_ids_titles_and_items_are_cleaned_by_one_rule() -> None:
    sent = {"id": "m\0-1", "titulo": "A\r\nB\x1f", "generos": ["Drama\0", "Drama", "\u200d", "Dra\tma"]}
    event = read_event(json.dumps(MOVIE | sent))
    assert {name: event.fields[name] for name in sent} == {
        "id": "m-1",
        "titulo": "A\nB",
        "generos": ["Drama", "Dra\tma"],
    }
    assert event.raw == {"id": "m\0-1", "titulo": "A\r\nB\x1f"}  # a reason shows what was sent


def test_an_unknown_field_is_shown_with_the_control_characters_that_it_has() -> None:
    """Cleaned like silver's values, this name would equal that of a known field."""
    found = read_event(json.dumps(MOVIE | {"titulo\0": "a\0b\u2028"})).unknown_fields
    assert found == [(r"titulo\u0000", r"a\u0000b\u2028")]


def test_names_that_are_one_in_nfc_are_one_field() -> None:
    found = read_event(json.dumps(MOVIE | {"pa\u00eds": "MX", "pai\u0301s": "MX"})).unknown_fields
    assert [one.field for one in found] == ["pa\u00eds"]


def test_a_sample_is_cut_after_it_is_composed() -> None:
    found = read_event(json.dumps(MOVIE | {"nota": "e\u0301" * 300})).unknown_fields
    assert [one.sample for one in found] == ["\u00e9" * 200]


@pytest.mark.parametrize("value", [None, "", "null", "[]", "3", "{", "\ufeff{}"])
def test_what_is_no_object_has_no_fields(value: str | None) -> None:
    event = read_event(value)
    assert not event.is_object
    assert event.fields == EMPTY
    assert event.raw == {}
    assert event.unknown_fields == event.wrong_type == []


def test_a_text_is_cleaned_alike_however_many_came_before() -> None:
    """Texts are remembered up to a number, short ones only."""
    many = [f" actor {number} " for number in range(60_000)] + [" " + "x" * 100]
    first, again = [read_event(json.dumps(MOVIE | {"actores": many})).fields["actores"] for _ in range(2)]
    assert first == again == [name.strip() for name in many]
