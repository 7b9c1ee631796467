"""Ids as people type them, and the error for an unknown id."""

from collections.abc import Sequence

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from lakehouse.errors import InputError
from lakehouse.text import cleaned, escaped

_NEAREST = 3


def as_in_silver(typed: str) -> str:
    """The id as silver stores it: trimmed, in NFC. One without a visible character stays as typed."""
    return cleaned(typed) or typed


def unknown_id(kind: str, asked: str, rows: DataFrame) -> InputError:
    """The error that names the closest ids of `rows`: those with the fewest letters to change, then by id."""
    distance = F.levenshtein(F.col("id"), F.lit(asked))
    nearest = rows.select("id").orderBy(distance, "id").limit(_NEAREST).collect()
    return unknown_error(kind, asked, [row["id"] for row in nearest])


def unknown_error(kind: str, asked: str, nearest: Sequence[str]) -> InputError:
    ids = ", ".join(map(escaped, nearest))
    return InputError(
        f"no {kind} {asked!r}", todo=f"the nearest ids are {ids}" if ids else f"there is no {kind} yet"
    )
