"""Records of forgotten people: silver reads a deletion of their pseudonym in place of each."""

import json
from typing import Any

import pytest

from lakehouse.pseudonyms import Forgotten, pseudonym
from silver.conditions import Rules
from silver.judging import judge_batch
from tests.support.records import FEEDBACK, MOVIE, USER, bronze_batch, bronze_row

KEY = b"key"
ANA = pseudonym(KEY, "u1")
RULES = Rules(frozenset({"G"}), 3_600, Forgotten(KEY, frozenset({ANA})))


def judged(value: dict[str, Any] | str | bytes | None, key: str = "k") -> dict[str, Any]:
    (row,) = judge_batch(bronze_batch([bronze_row(value, key=key)]), RULES).to_pylist()
    return dict(row)


@pytest.mark.parametrize(
    ("value", "key"),
    [
        (USER | {"id": "u1"}, "u1"),
        (FEEDBACK | {"user_id": "u1"}, "f1"),
        (None, "u1"),
        # broken records, which would go to the quarantine with all their text
        ('{"id": "u1", "ty', "k"),
        (b'{"id": "u1", "nombre_usuario": "Luc\xeda"}', "k"),
        (FEEDBACK | {"user_id": None, "content_id": None}, "u1"),
    ],
)
def test_a_late_record_is_a_deletion_of_the_pseudonym(
    value: dict[str, Any] | str | bytes | None, key: str
) -> None:
    row = judged(value, key)
    assert (row["is_tombstone"], row["key_id"], row["reasons"]) == (True, ANA, [])
    assert "u1" not in json.dumps(row, default=str)


@pytest.mark.parametrize(
    ("value", "key"), [(USER | {"id": "u11"}, "u11"), (MOVIE | {"id": "u1"}, "u1"), (None, "u11")]
)
def test_everybody_else_is_read_as_before(value: dict[str, Any] | None, key: str) -> None:
    assert judged(value, key)["key_id"] == key
