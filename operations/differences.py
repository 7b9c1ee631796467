"""The differences between two versions of a table, by its key."""

from collections.abc import Sequence

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F
from pyspark.sql.types import MapType

ADDED, CHANGED, REMOVED = "added", "changed", "removed"
_SIDE, _ROW = "__side", "__row"


def shared_columns(before: DataFrame, after: DataFrame) -> list[str]:
    """The columns that both have with the same type, in the order of `after`."""
    kinds = {field.name: field.dataType for field in before.schema}
    return [field.name for field in after.schema if kinds.get(field.name) == field.dataType]


def compare(before: DataFrame, after: DataFrame, *, key: Sequence[str]) -> DataFrame:
    """One row per key whose rows differ in a column that both sides have.

    Columns: `change` (added, changed, removed), `key` (a struct), `columns` (the names of those that differ, only
    for a changed row), `before` and `after` (structs, null if there is none). NULL equals NULL. Maps are compared,
    and returned, as sorted arrays of their entries. If a key has several rows, they are paired in the order of
    their values, so that no row is counted twice.
    """
    columns = shared_columns(before, after)
    rows = _sided(before, columns, key, "before").unionByName(_sided(after, columns, key, "after"))
    pairs = rows.groupBy(*key).agg(_rows_of("before"), _rows_of("after"))
    # arrays_zip fills the shorter one with nulls: a row without a partner
    paired = pairs.select(F.struct(*key).alias("key"), F.explode(F.arrays_zip("before", "after")).alias("pair"))
    old, new = F.col("pair.before"), F.col("pair.after")
    differing = F.array_compact(F.array(*[_name_if_differs(old, new, name) for name in columns]))
    change = F.when(old.isNull(), ADDED).when(new.isNull(), REMOVED).when(F.size("columns") > 0, CHANGED)
    both = old.isNotNull() & new.isNotNull()
    described = paired.withColumn("columns", F.when(both, differing).otherwise(F.array().cast("array<string>")))
    described = described.withColumn("change", change).where(F.col("change").isNotNull())
    return described.select("change", "key", "columns", old.alias("before"), new.alias("after"))


def _sided(rows: DataFrame, columns: Sequence[str], key: Sequence[str], side: str) -> DataFrame:
    row = F.struct(*[_comparable(rows, name).alias(name) for name in columns])
    return rows.select(*key, F.lit(side).alias(_SIDE), row.alias(_ROW))


def _comparable(rows: DataFrame, name: str) -> Column:
    """A column that can be compared: Spark cannot compare maps, and their entries have no order of their own."""
    if isinstance(rows.schema[name].dataType, MapType):
        return F.array_sort(F.map_entries(F.col(f"`{name}`")))
    return F.col(f"`{name}`")


def _rows_of(side: str) -> Column:
    return F.sort_array(F.collect_list(F.when(F.col(_SIDE) == side, F.col(_ROW)))).alias(side)


def _name_if_differs(old: Column, new: Column, name: str) -> Column:
    return F.when(~old.getField(name).eqNullSafe(new.getField(name)), F.lit(name))
