"""Silver's state: users, content, feedback and tombstones, changed to the latest event of each id.

Every write compares its rows with what the table holds: repeating it, after any part of it, changes nothing.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import reduce
from typing import NamedTuple

from pyspark.sql import Column, DataFrame, SparkSession
from pyspark.sql import functions as F

from lakehouse import storage
from lakehouse.tables import SILVER_CONTENT, SILVER_FEEDBACK, SILVER_TOMBSTONES, SILVER_USERS, Table
from silver import rows
from silver.latest import ORDER, TOMBSTONE, decide, order

Shape = Callable[[DataFrame], DataFrame]

TARGETS: Mapping[str, tuple[Table, Shape]] = {
    "users": (SILVER_USERS, rows.users),
    "content": (SILVER_CONTENT, rows.content),
    "feedback": (SILVER_FEEDBACK, rows.feedback),
}


class Verdicts(NamedTuple):
    """Of one target's ids in a batch: how many change silver, and how many of these silver holds already."""

    won: int
    replacing: int


def _later() -> str:
    """SQL: whether source row s comes after target row t in ORDER.

    Column by column, not as structs: Delta's MERGE makes the target's columns nullable once Spark has cast the
    structs to each other, and then refuses its own cast.
    """
    condition = "false"
    for name in reversed(ORDER):
        condition = f"s.`{name}` > t.`{name}` OR (s.`{name}` = t.`{name}` AND ({condition}))"
    return f"({condition})"


_IS_LATER = _later()


@contextmanager
def kept(frame: DataFrame) -> Iterator[DataFrame]:
    """The frame, computed once for all that reads it inside, and released after.

    A checkpoint in place of a cache: each of the queries below would carry, analyse and compare the whole
    plan of parsing and rules, which took longer than running them (70 s for a first batch of 77 rows, not 9).
    """
    computed = frame.localCheckpoint(eager=True)
    try:
        yield computed
    finally:
        computed._jdf.queryExecution().analyzed().rdd().unpersist(False)


def compare(spark: SparkSession, root: str, valid: DataFrame, *, present: set[str]) -> DataFrame:
    """The latest valid row of each target and id, decided against what silver holds.

    `present` are the targets that `valid` has rows of.
    """
    return decide(valid, _stored(spark, root, valid, present))


def _stored(spark: SparkSession, root: str, valid: DataFrame, present: set[str]) -> DataFrame:
    """What silver holds of the batch's entities: target, entity, moment.

    An event competes with its own table and with deletions; a tombstone with all tables.
    """
    entities = F.broadcast(valid.select("entity").distinct())
    tables = [SILVER_TOMBSTONES]
    tables += [table for name, (table, _) in TARGETS.items() if name in present or TOMBSTONE in present]
    held = [
        storage.read(spark, root, table)
        .join(entities, F.col("id") == F.col("entity"), how="left_semi")
        .select(F.lit(table.name).alias("target"), F.col("id").alias("entity"), order().alias("moment"))
        for table in tables
    ]
    return reduce(DataFrame.unionByName, held)


def count_verdicts(decided: DataFrame) -> Mapping[str, Verdicts]:
    counted = decided.groupBy("target").agg(
        F.count_if("wins").alias("won"), F.count_if(F.col("wins") & F.col("is_held")).alias("replacing")
    )
    return {row["target"]: Verdicts(row["won"], row["replacing"]) for row in counted.collect()}


def write(spark: SparkSession, root: str, decided: DataFrame, verdicts: Mapping[str, Verdicts]) -> None:
    """Change each table to what was decided: one commit per table that changes."""
    for target in TARGETS:
        _write_target(spark, root, decided, target, verdicts)
    if TOMBSTONE in verdicts:
        _remember_deletions(spark, root, rows.tombstones(_of(decided, TOMBSTONE)))


def _write_target(
    spark: SparkSession, root: str, decided: DataFrame, target: str, verdicts: Mapping[str, Verdicts]
) -> None:
    """Append where the table holds none of the ids, which costs half as much as a MERGE."""
    table, shape = TARGETS[target]
    won, replacing = verdicts.get(target, Verdicts(0, 0))
    if replacing or TOMBSTONE in verdicts:
        _merge(spark, root, table, _changes(decided, target, shape))
    elif won:
        storage.append(shape(_of(decided, target).filter("wins")), root, table)


def _of(decided: DataFrame, target: str) -> DataFrame:
    return decided.filter(F.col("target") == target)


def _changes(decided: DataFrame, target: str, shape: Shape) -> DataFrame:
    """Rows to insert or update, and ids to delete: at most one row per id."""
    winners = _of(decided, target).filter("wins")
    deletions = _of(decided, TOMBSTONE).join(winners.select("entity"), on="entity", how="left_anti")
    upserts = shape(winners).withColumn("is_deletion", F.lit(False))
    return upserts.unionByName(shape(deletions).withColumn("is_deletion", F.lit(True)))


def _merge(spark: SparkSession, root: str, table: Table, changes: DataFrame) -> None:
    values: dict[str, str | Column] = {f"`{name}`": F.col(f"s.{name}") for name in table.columns}
    (
        storage.delta_table(spark, root, table)
        .alias("t")
        .merge(changes.alias("s"), "t.id = s.id")
        .whenMatchedDelete(f"s.is_deletion AND {_IS_LATER}")
        .whenMatchedUpdate(f"NOT s.is_deletion AND {_IS_LATER}", set=values)
        .whenNotMatchedInsert("NOT s.is_deletion", values=values)
        .execute()
    )


def _remember_deletions(spark: SparkSession, root: str, tombstones: DataFrame) -> None:
    """Every tombstone is kept, also one that an event outlived: events older than it may still arrive."""
    target = storage.delta_table(spark, root, SILVER_TOMBSTONES).alias("t")
    merge = target.merge(storage.conform(tombstones, SILVER_TOMBSTONES).alias("s"), "t.id = s.id")
    merge.whenMatchedUpdateAll(_IS_LATER).whenNotMatchedInsertAll().execute()
