"""Ids as people type them, and the error for an unknown id."""

from collections.abc import Sequence

from lakehouse.errors import InputError
from lakehouse.lakehouse import Lakehouse
from lakehouse.sql import text_literal
from lakehouse.tables import Table
from lakehouse.text import cleaned, escaped

_NEAREST = 3


def as_in_silver(typed: str) -> str:
    """The id as silver stores it: trimmed, in NFC. One without a visible character stays as typed."""
    return cleaned(typed) or typed


def unknown_id(kind: str, asked: str, lakehouse: Lakehouse, table: Table) -> InputError:
    """The error that names the table's closest ids: those with the fewest letters to change, then by id."""
    distance = f"levenshtein(id, {text_literal(asked)})"
    nearest = lakehouse.query(f"SELECT id FROM rows ORDER BY {distance}, id LIMIT {_NEAREST}", rows=table)  # noqa: S608
    return unknown_error(kind, asked, nearest["id"].to_pylist())


def unknown_error(kind: str, asked: str, nearest: Sequence[str]) -> InputError:
    ids = ", ".join(map(escaped, nearest))
    return InputError(
        f"no {kind} {asked!r}", todo=f"the nearest ids are {ids}" if ids else f"there is no {kind} yet"
    )
