"""Which records are about a person: one case per way in which a record can name them, or only seem to."""

import json
from typing import Any

import pytest

from operations.person.records import Person, is_about
from silver.parsing.people import names
from silver.parsing.wire import read_record
from tests.support.records import FEEDBACK, MOVIE, USER

ANA = Person("u1", frozenset({"f7"}))


def about(value: dict[str, Any] | str | bytes | None, key: str | bytes | None = "k", person: Person = ANA) -> bool:
    text = json.dumps(value) if isinstance(value, dict) else value
    parts = []
    for part in (key, text):
        parts += [None, part] if isinstance(part, bytes) else [part, None]
    return is_about(read_record(*parts, 0), person)


@pytest.mark.parametrize(
    ("value", "key", "expected"),
    [
        (USER | {"id": "u1"}, "u1", True),
        (USER | {"id": " u1 "}, "other", True),  # silver trims it
        (USER | {"id": "u2"}, "u1", True),
        (USER | {"id": "u2", "nombre_usuario": "u1"}, "u2", False),
        (FEEDBACK | {"user_id": "u1"}, "f1", True),
        (FEEDBACK | {"user_id": "u2", "content_id": "u1"}, "f1", False),  # the title u1
        (MOVIE | {"id": "u1"}, "u1", False),
        (MOVIE | {"titulo": "u1"}, "m1", False),
        # deletions: of the person, and of what they did
        (None, "u1", True),
        (None, "f7", True),
        (None, "f8", False),
        (None, b"u1\xff", True),  # a key that is no text: it may be theirs
        # records that do not say whose they are
        (USER | {"type": "usuario", "id": "u1"}, "k", True),
        (USER | {"id": None}, "u1", True),
        (USER | {"id": ["u1"]}, "k", True),
        (FEEDBACK | {"user_id": None}, "u1", True),
        ('{"id": "u1", "type": "us', "k", True),
        ('{"id": "u11", "type": "us', "k", False),
        (b'{"id": "u1", "nombre_usuario": "Luc\xeda"}', "k", True),
        (b'{"id": "u10", "nombre_usuario": "Luc\xeda"}', "k", False),
        ("u1", "k", True),
        ("x-u1", "k", False),
        ("not a word of it", "u1", True),
        ("not a word of it", "k", False),
    ],
)
def test_whose_record_it_is(
    value: dict[str, Any] | str | bytes | None, key: str | bytes, *, expected: bool
) -> None:
    assert about(value, key) is expected


@pytest.mark.parametrize(
    ("text", "user_id", "expected"),
    [
        ('{"ñandú": 1', "ñandú", True),
        ('{"id":5', "5", True),
        ('{"id":55', "5", False),
        ('{"id": " Ana Ruiz ", "ty', "Ana Ruiz", True),  # a part in quotes
        (" Ana Ruiz", "Ana Ruiz", True),  # the whole
        ("Ana Ruiz.", "Ana Ruiz", False),
    ],
)
def test_what_a_text_names(text: str, user_id: str, *, expected: bool) -> None:
    assert (user_id in names(text)) is expected
