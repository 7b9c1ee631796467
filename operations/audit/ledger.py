"""What the tables say about every Kafka record: exact counts per partition, in one pass over the offsets."""

from collections.abc import Sequence
from functools import reduce
from typing import NamedTuple

from pyspark.sql import Column, DataFrame, SparkSession, Window
from pyspark.sql import functions as F

from lakehouse import storage
from lakehouse.tables import (
    BRONZE_EVENTS,
    BRONZE_FEEDBACK,
    SILVER_BATCHES,
    SILVER_CONTENT,
    SILVER_FEEDBACK,
    SILVER_QUARANTINE,
    SILVER_TOMBSTONES,
    SILVER_USERS,
    Table,
)

Part = tuple[str, int]
BRONZE = (BRONZE_EVENTS, BRONZE_FEEDBACK)
STATE = (SILVER_USERS, SILVER_CONTENT, SILVER_FEEDBACK, SILVER_TOMBSTONES)


class Counts(NamedTuple):
    """One partition of one topic. Rows are table rows, records are distinct offsets.

    `refinable` counts the bronze rows up to the last offset that silver has read, `refined` the rows that
    silver.batches reports as read.
    """

    first: int | None
    last: int | None
    bronze_rows: int
    bronze_records: int
    silver_rows: int
    silver_records: int
    quarantine_rows: int
    quarantine_records: int
    not_in_bronze: int
    in_both: int
    refinable: int
    refined: int


class Totals(NamedTuple):
    """The sums over silver.batches, and the number of rows in the tables.

    The last four are the quarantined rows that were resolved since, in total and by outcome.
    """

    rows_in: int
    applied: int
    superseded: int
    deleted: int
    quarantined: int
    entities: int
    quarantine: int
    resolved: int = 0
    resolved_applied: int = 0
    resolved_superseded: int = 0
    resolved_deleted: int = 0


def count_records(spark: SparkSession, root: str) -> dict[Part, Counts]:
    """The counts of every partition found in a table. Missing tables count as empty."""
    return {(row["topic"], row["partition"]): Counts(*row[2:]) for row in _counted(spark, root).collect()}


def _counted(spark: SparkSession, root: str) -> DataFrame:
    taken = _taken(spark, root)
    rows = _sourced(spark, root).join(F.broadcast(taken), on=["topic", "partition"], how="left")
    # 64 offsets fit one word of bits: an exact distinct count that neither sorts nor shuffles the rows
    word, bit = F.expr("shiftright(`offset`, 6)"), F.expr("shiftleft(1L, int(`offset` & 63))")
    words = rows.groupBy("topic", "partition", word.alias("word")).agg(
        F.min(_of("bronze", F.col("offset"))).alias("first"),
        F.max(_of("bronze", F.col("offset"))).alias("last"),
        *[F.count(_of(source, F.lit(1))).alias(f"{source}_rows") for source in ("bronze", "silver", "quarantine")],
        *[
            F.coalesce(F.bit_or(_of(source, bit)), F.lit(0)).alias(f"{source}_bits")
            for source in ("bronze", "silver", "quarantine")
        ],
        F.count(_of("bronze", F.when(F.col("offset") <= F.col("taken_to"), 1))).alias("refinable"),
        F.max("taken").alias("refined"),
    )
    bronze, silver, quarantine = F.col("bronze_bits"), F.col("silver_bits"), F.col("quarantine_bits")
    both = silver.bitwiseOR(quarantine)
    summed = words.groupBy("topic", "partition").agg(
        F.min("first"),
        F.max("last"),
        F.sum("bronze_rows"),
        F.sum(F.bit_count(bronze)),
        F.sum("silver_rows"),
        F.sum(F.bit_count(silver)),
        F.sum("quarantine_rows"),
        F.sum(F.bit_count(quarantine)),
        F.sum(F.bit_count(both.bitwiseOR(bronze)) - F.bit_count(bronze)),
        F.sum(F.bit_count(silver.bitwiseAND(quarantine))),
        F.sum("refinable"),
        F.coalesce(F.max("refined"), F.lit(0)),
    )
    return summed.orderBy("topic", "partition")


def _of(source: str, value: Column) -> Column:
    return F.when(F.col("source") == source, value)


def _sourced(spark: SparkSession, root: str) -> DataFrame:
    """Topic, partition and offset of every row of bronze, of silver's entities, and of the open quarantine."""
    groups: tuple[tuple[str, Sequence[Table]], ...] = (
        ("bronze", BRONZE),
        ("silver", STATE),
        ("quarantine", (SILVER_QUARANTINE,)),
    )
    parts = []
    for source, tables in groups:
        for table in tables:
            if storage.exists(spark, root, table):
                rows = storage.read(spark, root, table)
                # a resolved row counts in the table it went to
                rows = rows.filter("status = 'open'") if table == SILVER_QUARANTINE else rows
                parts.append(rows.select("topic", "partition", "offset", F.lit(source).alias("source")))
    if not parts:
        return spark.createDataFrame([], "topic string, partition int, `offset` bigint, source string")
    return reduce(DataFrame.unionByName, parts)


def _taken(spark: SparkSession, root: str) -> DataFrame:
    """Per partition, what silver.batches reports: the rows read, and their last offset."""
    if not storage.exists(spark, root, SILVER_BATCHES):
        return spark.createDataFrame([], "topic string, partition int, taken bigint, taken_to bigint")
    records = storage.read(spark, root, SILVER_BATCHES).select(F.inline("records"))
    return records.groupBy("topic", "partition").agg(
        F.sum("rows").alias("taken"), F.max("last_offset").alias("taken_to")
    )


def count_totals(spark: SparkSession, root: str) -> Totals:
    """Sums of silver.batches, and the tables' rows. All zero if silver does not exist yet."""
    if not storage.exists(spark, root, SILVER_BATCHES):
        return Totals(0, 0, 0, 0, 0, 0, 0)
    names = ("rows_in", "applied", "superseded", "deleted", "quarantined")
    sums = storage.read(spark, root, SILVER_BATCHES).agg(
        *[F.coalesce(F.sum(name), F.lit(0)).alias(name) for name in names]
    )
    entities = sum(
        storage.read(spark, root, table).count() for table in (SILVER_USERS, SILVER_CONTENT, SILVER_FEEDBACK)
    )
    quarantine = storage.read(spark, root, SILVER_QUARANTINE).count()
    return Totals(**sums.collect()[0].asDict(), entities=entities, quarantine=quarantine)


def gaps(spark: SparkSession, root: str, part: Part, *, limit: int) -> list[tuple[int, int]]:
    """Ranges of offsets (first, last) missing between those that bronze has, the lowest `limit` of them."""
    topic, partition = part
    rows = [
        storage.read(spark, root, table).select("topic", "partition", "offset")
        for table in BRONZE
        if storage.exists(spark, root, table)
    ]
    held = reduce(DataFrame.unionByName, rows).filter(
        (F.col("topic") == topic) & (F.col("partition") == partition)
    )
    following = F.lead("offset").over(Window.orderBy("offset"))
    found = held.withColumn("following", following).filter(F.col("following") - F.col("offset") > 1)
    ranges = found.select((F.col("offset") + 1).alias("first"), (F.col("following") - 1).alias("last"))
    return [(row["first"], row["last"]) for row in ranges.orderBy("first").limit(limit).collect()]
