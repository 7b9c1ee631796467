"""One micro-batch of stream 2: judged once, then written so that repeating it changes nothing."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import reduce
from typing import NamedTuple

from pyspark.sql import Column, DataFrame, Row, SparkSession
from pyspark.sql import functions as F

from lakehouse import storage
from lakehouse.tables import (
    SILVER_BATCHES,
    SILVER_CONTENT,
    SILVER_FEEDBACK,
    SILVER_QUARANTINE,
    SILVER_TOMBSTONES,
    SILVER_USERS,
    Table,
)
from silver import rows
from silver.latest import ORDER, TOMBSTONE, decide, order, target_of, targeted
from silver.rules import split

Shape = Callable[[DataFrame], DataFrame]

_TARGETS: Mapping[str, tuple[Table, Shape]] = {
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


def apply_batch(
    judged: DataFrame, root: str, *, query_id: str, batch_id: int, versions: Mapping[str, int]
) -> None:
    """Write one judged batch to the silver tables, and last its own row to silver.batches.

    Any first part of these commits may have happened before, when a crash made Spark repeat the batch: each
    compares its rows with what the table holds, and the last one carries a transaction id.
    """
    spark = judged.sparkSession
    with _kept(judged) as records:
        parts = _parts(records)
        facts = _facts(parts)
        if facts["quarantined"]:
            _quarantine(spark, root, rows.quarantine(split(records).quarantined), facts)
        valid = targeted(split(records).valid)
        present = {target for target in (*_TARGETS, TOMBSTONE) if facts[target]}
        with _kept(decide(valid, _stored(spark, root, valid, present))) as decided:
            verdicts = _verdicts(decided)
            for target in _TARGETS:
                _write_target(spark, root, decided, target, verdicts)
            if TOMBSTONE in verdicts:
                _remember_deletions(spark, root, rows.tombstones(_of(decided, TOMBSTONE)))
        unknown = rows.unknown_fields(records).collect() if facts["unknown"] else []
        fields = [(row["field"], row["rows"], row["sample"]) for row in unknown]
        one = _summary(spark, facts, verdicts, query_id=query_id, batch_id=batch_id)
        summary = rows.batch(
            one, records=parts, versions=versions, silver_versions=_versions(spark, root), unknown=fields
        )
        storage.append_once(summary, root, SILVER_BATCHES, txn_app_id=query_id, txn_version=batch_id)


@contextmanager
def _kept(frame: DataFrame) -> Iterator[DataFrame]:
    """The frame, computed once for all that reads it inside, and released after.

    A checkpoint in place of a cache: each of the queries below would carry, analyse and compare the whole
    plan of parsing and rules, which took longer than running them (70 s for a first batch of 77 rows, not 9).
    """
    computed = frame.localCheckpoint(eager=True)
    try:
        yield computed
    finally:
        computed._jdf.queryExecution().analyzed().rdd().unpersist(False)


def _parts(records: DataFrame) -> list[Row]:
    """Per topic and partition: the offsets of the batch, and how many rows were quarantined, are valid for each
    target, and have unknown fields."""
    rejected = F.size("reasons") > 0
    target = F.when(~rejected, target_of())
    counted = records.groupBy("topic", "partition").agg(
        F.min("offset").alias("first_offset"),
        F.max("offset").alias("last_offset"),
        F.count("*").alias("rows"),
        F.count_if(rejected).alias("quarantined"),
        F.count_if(F.size("unknown_fields") > 0).alias("unknown"),
        *[F.count_if(target == name).alias(name) for name in (*_TARGETS, TOMBSTONE)],
    )
    return sorted(counted.collect(), key=lambda part: (part["topic"], part["partition"]))


def _facts(parts: Sequence[Row]) -> Mapping[str, int]:
    """The counts of all partitions together, and between which offsets the batch is."""
    names = ("rows", "quarantined", "unknown", *_TARGETS, TOMBSTONE)
    sums = {name: sum(part[name] for part in parts) for name in names}
    return sums | {
        "first_offset": min((part["first_offset"] for part in parts), default=0),
        "last_offset": max((part["last_offset"] for part in parts), default=0),
    }


def _versions(spark: SparkSession, root: str) -> dict[str, int]:
    """The versions of the silver tables that this batch has changed or found."""
    tables = (*[table for table, _ in _TARGETS.values()], SILVER_TOMBSTONES, SILVER_QUARANTINE)
    return {table.sql_name: storage.latest_version(spark, root, table) for table in tables}


def _stored(spark: SparkSession, root: str, valid: DataFrame, present: set[str]) -> DataFrame:
    """What silver holds of the batch's entities: target, entity, moment.

    An event competes with its own table and with deletions; a tombstone with all tables.
    """
    entities = F.broadcast(valid.select("entity").distinct())
    tables = [SILVER_TOMBSTONES]
    tables += [table for name, (table, _) in _TARGETS.items() if name in present or TOMBSTONE in present]
    held = [
        storage.read(spark, root, table)
        .join(entities, F.col("id") == F.col("entity"), how="left_semi")
        .select(F.lit(table.name).alias("target"), F.col("id").alias("entity"), order().alias("moment"))
        for table in tables
    ]
    return reduce(DataFrame.unionByName, held)


def _verdicts(decided: DataFrame) -> Mapping[str, Verdicts]:
    counted = decided.groupBy("target").agg(
        F.count_if("wins").alias("won"), F.count_if(F.col("wins") & F.col("is_held")).alias("replacing")
    )
    return {row["target"]: Verdicts(row["won"], row["replacing"]) for row in counted.collect()}


def _write_target(
    spark: SparkSession, root: str, decided: DataFrame, target: str, verdicts: Mapping[str, Verdicts]
) -> None:
    """Append where the table holds none of the ids, which costs half as much as a MERGE."""
    table, shape = _TARGETS[target]
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


def _quarantine(spark: SparkSession, root: str, rejected: DataFrame, facts: Mapping[str, int]) -> None:
    """Append the rows that are not there: the Kafka record is the key, so that a repeated batch adds none."""
    # the range lets Delta skip every file of other offsets
    between = F.col("offset").between(facts["first_offset"], facts["last_offset"])
    held = storage.read(spark, root, SILVER_QUARANTINE).filter(between).select(*SILVER_QUARANTINE.key)
    storage.append(rejected.join(held, on=list(SILVER_QUARANTINE.key), how="left_anti"), root, SILVER_QUARANTINE)


def _summary(
    spark: SparkSession,
    facts: Mapping[str, int],
    verdicts: Mapping[str, Verdicts],
    *,
    query_id: str,
    batch_id: int,
) -> DataFrame:
    won = {target: verdict.won for target, verdict in verdicts.items()}
    deleted = won.pop(TOMBSTONE, 0)
    applied = sum(won.values())
    superseded = facts["rows"] - facts["quarantined"] - applied - deleted
    return spark.range(1).select(
        F.lit(query_id).alias("query_id"),
        F.lit(batch_id).cast("bigint").alias("batch_id"),
        F.lit(facts["rows"]).cast("bigint").alias("rows_in"),
        F.lit(applied).cast("bigint").alias("applied"),
        F.lit(superseded).cast("bigint").alias("superseded"),
        F.lit(deleted).cast("bigint").alias("deleted"),
        F.lit(facts["quarantined"]).cast("bigint").alias("quarantined"),
    )
