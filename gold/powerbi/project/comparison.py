"""Ids that Power BI takes for one: its engine compares text without case."""

from collections.abc import Sequence
from typing import NamedTuple

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

# How many ids a person reads, and how many characters of each.
_LISTED, _LONGEST = 10, 40


class Alike(NamedTuple):
    """The ids of one table that differ from another one of it in capitals only. `ids` has the first of `total`."""

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


def alike_note(found: Sequence[Alike]) -> str:
    """What a person reads where there are such ids, in one line."""
    tables = ", ".join([f"{one.total} in {one.table} ({_listed(one)})" for one in found])
    return (
        f"ids that differ only in capitals: {tables}. Power BI shows them as one id;"
        " user_key and content_key of its model keep them apart"
    )


def _listed(found: Alike) -> str:
    shown = [" ".join(one.split())[:_LONGEST] for one in found.ids]
    return ", ".join([*shown, "..."] if found.total > len(shown) else shown)
