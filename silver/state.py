"""Silver's state: users, content, feedback and tombstones, updated to the latest event of each id.

Every write compares its rows with what the table holds: repeating it, even after an interruption, changes nothing.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import reduce
from typing import NamedTuple

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from lakehouse.spark.lakehouse import SparkLakehouse
from lakehouse.spark.sql import identifier, setting
from lakehouse.tables import SILVER_CONTENT, SILVER_FEEDBACK, SILVER_TOMBSTONES, SILVER_USERS, Table
from silver import rows
from silver.latest import ORDER, TABLES, TOMBSTONE, decide, merge_conditions, order

TARGETS: Mapping[str, Table] = {"users": SILVER_USERS, "content": SILVER_CONTENT, "feedback": SILVER_FEEDBACK}


class ChangeCounts(NamedTuple):
    """Counts for one target: the batch's rows; those that change silver; ids of these that its table already
    holds; ids it holds in several rows; and its rows that the batch's tombstones are about."""

    rows: int = 0
    won: int = 0
    held: int = 0
    held_twice: int = 0
    deletable: int = 0


_MERGE = merge_conditions(identifier)
_SOURCE_COPY = "spark.databricks.delta.merge.materializeSource"


@contextmanager
def materialized(frame: DataFrame) -> Iterator[DataFrame]:
    """The frame, computed once for everything that reads it inside, and released after.

    A checkpoint instead of a cache: otherwise each of the queries below would carry, analyse and compare the whole
    plan of parsing and rules, which took longer than running them (70 s for a first batch of 77 rows, not 9 s).
    """
    computed = frame.localCheckpoint(eager=True)
    try:
        yield computed
    finally:
        computed._jdf.queryExecution().analyzed().rdd().unpersist(False)


def compare(lake: SparkLakehouse, valid: DataFrame, *, present: set[str]) -> DataFrame:
    """The latest valid row of each target and id, compared with what silver holds.

    `present` are the targets that `valid` has rows of. Returns only each row's number, target, entity and verdict:
    shuffling and sorting the rest costs too much (9 s for 200,000 rows, 4 s without).
    """
    decided = decide(valid.select(*ORDER, "target", "entity", "row"), _stored(lake, valid, present))
    return decided.drop("moment")


def _stored(lake: SparkLakehouse, valid: DataFrame, present: set[str]) -> DataFrame:
    """What silver holds for the batch's entities: target, entity, moment.

    An event competes with its own table and with deletions; a tombstone with all tables.
    """
    entities = F.broadcast(valid.select("entity").distinct())
    tables = [SILVER_TOMBSTONES]
    tables += [table for name, table in TARGETS.items() if name in present or TOMBSTONE in present]
    held = [
        _moments(lake.read(table), table, "id").join(entities, on="entity", how="left_semi")
        for table in tables
        if lake.version(table) > 0  # the first version has no rows
    ]
    empty = _moments(valid, SILVER_TOMBSTONES, "entity").filter(F.lit(False))
    return reduce(DataFrame.unionByName, held, empty)


def _moments(frame: DataFrame, table: Table, id_column: str) -> DataFrame:
    entity = F.col(id_column).alias("entity")
    return frame.select(F.lit(table.name).alias("target"), entity, order().alias("moment"))


def count_changes(decided: DataFrame) -> Mapping[str, ChangeCounts]:
    is_deletion = F.col("target") == TOMBSTONE
    is_written = F.col("wins") | is_deletion
    counted = decided.groupBy("target").agg(
        F.sum("rows").alias("rows"),
        F.count_if("wins").alias("won"),
        F.count_if(F.col("is_held") & is_written).alias("held"),
        F.count_if(F.col("is_held_twice") & is_written).alias("held_twice"),
        *[F.count_if(is_deletion & F.col(f"held_in.{name}")).alias(name) for name in TABLES],
    )
    by_target = {row["target"]: row for row in counted.collect()}
    counts = ("rows", "won", "held", "held_twice")
    verdicts = {name: ChangeCounts(*[row[count] for count in counts]) for name, row in by_target.items()}
    if TOMBSTONE in by_target:
        for name in TABLES:
            verdicts[name] = verdicts.get(name, ChangeCounts())._replace(deletable=by_target[TOMBSTONE][name])
    return verdicts


def write(
    lake: SparkLakehouse, valid: DataFrame, decided: DataFrame, verdicts: Mapping[str, ChangeCounts]
) -> None:
    """Write the winning valid rows: one commit per table that changes.

    A table that holds none of the ids is appended to, which costs half as much as a MERGE.
    """
    deletions = _rows_of(valid, decided.filter(F.col("target") == TOMBSTONE))
    for target, table in TARGETS.items():
        verdict = verdicts.get(target, ChangeCounts())
        winners = _winners(valid, decided, target, verdict)
        if verdict.held or verdict.deletable:
            changes = _upserts(table, winners, decided, target, verdict)
            if verdict.deletable:
                others = deletions.join(winners.select("entity"), on="entity", how="left_anti")
                changes = changes.unionByName(_changes(rows.shaped(others, table), "delete"))
            _merge(lake, table, changes)
        elif verdict.won:
            lake.append(rows.shaped(winners, table), table)
    # every tombstone is kept, even if a later event won: events older than the tombstone may still arrive
    if TOMBSTONE in verdicts and verdicts[TOMBSTONE].held:
        changes = _upserts(SILVER_TOMBSTONES, deletions, decided, TOMBSTONE, verdicts[TOMBSTONE])
        _merge(lake, SILVER_TOMBSTONES, changes)
    elif TOMBSTONE in verdicts:
        lake.append(rows.shaped(deletions, SILVER_TOMBSTONES), SILVER_TOMBSTONES)


def _winners(valid: DataFrame, decided: DataFrame, target: str, verdict: ChangeCounts) -> DataFrame:
    is_target = F.col("target") == target
    if verdict.won == verdict.rows:
        return valid.filter(is_target)
    return _rows_of(valid, decided.filter(is_target & F.col("wins")))


def _rows_of(valid: DataFrame, chosen: DataFrame) -> DataFrame:
    """The chosen valid rows. Only their numbers are broadcast."""
    return valid.join(F.broadcast(chosen.select("row")), on="row", how="left_semi")


def _upserts(
    table: Table, winners: DataFrame, decided: DataFrame, target: str, verdict: ChangeCounts
) -> DataFrame:
    """The MERGE clauses that write the winners.

    An id that the table holds in several rows (written by an older version of this project or by somebody else)
    is deleted in all of them and inserted once: an update would change them all and leave as many.
    """
    shaped = rows.shaped(winners, table)
    if not verdict.held_twice:
        return _changes(shaped, "upsert")
    is_held_twice = (F.col("target") == target) & F.col("is_held_twice")
    ids = F.broadcast(decided.filter(is_held_twice).select(F.col("entity").alias("id")))
    doubled = shaped.join(ids, on="id", how="left_semi")
    inserts = _changes(doubled, "upsert").withColumn("matched_id", F.lit(None).cast("string"))
    others = _changes(shaped.join(ids, on="id", how="left_anti"), "upsert")
    return others.unionByName(inserts).unionByName(_changes(doubled, "replace"))


def _changes(shaped: DataFrame, change: str) -> DataFrame:
    return shaped.withColumns({"change": F.lit(change), "matched_id": F.col("id")})


def _merge(lake: SparkLakehouse, table: Table, changes: DataFrame) -> None:
    values: dict[str, str | Column] = {f"`{name}`": F.col(f"s.{name}") for name in table.columns}
    merge = (
        lake.delta_table(table)
        .alias("t")
        .merge(changes.alias("s"), _MERGE.match)
        .whenMatchedDelete(_MERGE.delete)
        .whenMatchedUpdate(_MERGE.update, set=values)
        .whenNotMatchedInsert(_MERGE.insert, values=values)
    )
    # MERGE reads its source twice, and copies it first in case the second read differs: these frames are computed
    with setting(lake.spark, _SOURCE_COPY, "none"):
        merge.execute()
