"""One micro-batch of stream 2: judged once, then written so that repeating it changes nothing."""

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

from pyspark.sql import Column, DataFrame, SparkSession
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
from silver.latest import ORDER, TOMBSTONE, decide, newest, targeted
from silver.rules import split

Shape = Callable[[DataFrame], DataFrame]

_TARGETS: Mapping[str, tuple[Table, Shape]] = {
    "users": (SILVER_USERS, rows.users),
    "content": (SILVER_CONTENT, rows.content),
    "feedback": (SILVER_FEEDBACK, rows.feedback),
}
_STATE = (*[table for table, _ in _TARGETS.values()], SILVER_TOMBSTONES)


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
    with _kept(judged) as records, _kept(newest(targeted(split(records).valid))) as latest:
        with _kept(decide(latest, _stored(spark, root, latest))) as decided:
            totals = _totals(records, decided)
            if totals["quarantined"]:
                _quarantine(spark, root, rows.quarantine(split(records).quarantined))
            for target, (table, shape) in _TARGETS.items():
                if totals[f"won_{target}"] or totals["tombstones"]:
                    _merge(spark, root, table, _changes(decided, target, shape))
            if totals["tombstones"]:
                _remember_deletions(spark, root, rows.tombstones(_of(decided, TOMBSTONE)))
        one = _summary(spark, totals, query_id=query_id, batch_id=batch_id)
        unknown = rows.unknown_fields(records).collect() if totals["unknown"] else []
        fields = [(row["field"], row["rows"], row["sample"]) for row in unknown]
        summary = rows.batch(one, versions=versions, unknown=fields)
        storage.append(summary, root, SILVER_BATCHES, txn_app_id=query_id, txn_version=batch_id)


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


def _stored(spark: SparkSession, root: str, latest: DataFrame) -> DataFrame:
    """What silver holds of the batch's entities: target, entity, stored_order."""
    entities = F.broadcast(latest.select("entity").distinct())
    held = [
        storage.read(spark, root, table)
        .join(entities, F.col("id") == F.col("entity"), how="left_semi")
        .select(
            F.lit(table.name).alias("target"),
            F.col("id").alias("entity"),
            F.struct(*ORDER).alias("stored_order"),
        )
        for table in _STATE
    ]
    union = held[0]
    for part in held[1:]:
        union = union.unionByName(part)
    return union


def _totals(records: DataFrame, decided: DataFrame) -> Mapping[str, int]:
    totals: dict[str, int] = defaultdict(int)
    counted = records.agg(
        F.count("*").alias("rows_in"),
        F.count_if(F.size("reasons") > 0).alias("quarantined"),
        F.count_if(F.size("unknown_fields") > 0).alias("unknown"),
    ).collect()[0]
    totals.update(counted.asDict())
    for row in decided.groupBy("target").agg(F.count("*").alias("all"), F.count_if("wins").alias("won")).collect():
        totals[row["target"]] = row["all"]
        totals[f"won_{row['target']}"] = row["won"]
    return totals


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


def _quarantine(spark: SparkSession, root: str, rejected: DataFrame) -> None:
    """Insert the rows that are not there: the Kafka record is the key, so that a repeated batch adds none."""
    target = storage.delta_table(spark, root, SILVER_QUARANTINE).alias("t")
    same = "t.topic = s.topic AND t.partition = s.partition AND t.`offset` = s.`offset`"
    merge = target.merge(storage.conform(rejected, SILVER_QUARANTINE).alias("s"), same)
    merge.whenNotMatchedInsertAll().execute()


def _summary(spark: SparkSession, totals: Mapping[str, int], *, query_id: str, batch_id: int) -> DataFrame:
    applied = sum(totals[f"won_{target}"] for target in _TARGETS)
    deleted = totals[f"won_{TOMBSTONE}"]
    superseded = totals["rows_in"] - totals["quarantined"] - applied - deleted
    return spark.range(1).select(
        F.lit(query_id).alias("query_id"),
        F.lit(batch_id).cast("bigint").alias("batch_id"),
        F.lit(totals["rows_in"]).cast("bigint").alias("rows_in"),
        F.lit(applied).cast("bigint").alias("applied"),
        F.lit(superseded).cast("bigint").alias("superseded"),
        F.lit(deleted).cast("bigint").alias("deleted"),
        F.lit(totals["quarantined"]).cast("bigint").alias("quarantined"),
    )
