"""Ids that Power BI treats as equal: its engine compares text without case."""

from collections.abc import Sequence
from typing import NamedTuple

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from lakehouse.text import escaped

# How many ids to list, and the maximum length of each.
_LISTED, _LONGEST = 10, 40


class Alike(NamedTuple):
    """Ids of one table that differ only in case from another of its ids. `ids` has the first of `total`."""

    table: str
    total: int
    ids: tuple[str, ...]


def find_alike(rows: DataFrame, *, table: str) -> Alike:
    """Compare the `id`s of these rows, which are distinct."""
    without_case = rows.select("id", F.upper("id").alias("folded"))
    groups = without_case.groupBy("folded").agg(F.sort_array(F.collect_list("id")).alias("ids"))
    found = groups.where(F.size("ids") > 1).orderBy("folded")
    counted = found.agg(F.coalesce(F.sum(F.size("ids")), F.lit(0))).collect()
    total = int(counted[0][0])
    first = found.limit(_LISTED).select(F.explode("ids").alias("id")).limit(_LISTED)
    return Alike(table, total, tuple(row["id"] for row in first.collect()) if total else ())


def alike_note(found: Sequence[Alike], *, has_keys: bool = True) -> str:
    """A one-line note about such ids. `has_keys`: the project that was written is known to have the keys."""
    tables = ", ".join([f"{one.total} in {one.table} ({_listed(one)})" for one in found])
    apart = "user_key and content_key of its model keep them apart"
    if not has_keys:
        apart += "; a project of an earlier version gets these keys with --replace"
    return f"ids that differ only in capitals: {tables}. Power BI shows them as one id; {apart}"


def _listed(found: Alike) -> str:
    shown = [escaped(one)[:_LONGEST] for one in found.ids]
    return ", ".join([*shown, "..."] if found.total > len(shown) else shown)
