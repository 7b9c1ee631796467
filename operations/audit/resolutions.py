"""What the tables say about quarantined records that a replay resolved, counted per partition."""

from functools import reduce
from typing import NamedTuple

from pyspark.sql import Column, DataFrame, SparkSession, Window
from pyspark.sql import functions as F

from lakehouse import storage
from lakehouse.tables import SILVER_CORRECTIONS, SILVER_QUARANTINE, SILVER_TOMBSTONES
from operations.audit.ledger import STATE, Part

_RECORD = list(SILVER_QUARANTINE.key)
_ORDER = ("event_timestamp", "kafka_timestamp", *_RECORD)
_OUTCOMES = ("applied", "superseded", "deleted")


class Resolutions(NamedTuple):
    """One partition of one topic, in records.

    `resolved` is from silver.quarantine; `applied`, `superseded` and `deleted` are their outcomes in
    silver.corrections. The rest are faults: `unexplained` are resolved without a correction, `unfinished`
    corrected but not carried out, `repeated` corrected twice, `strange` corrected but not quarantined, and
    `vanished` resolved although silver holds nothing as late for their id.
    """

    resolved: int = 0
    applied: int = 0
    superseded: int = 0
    deleted: int = 0
    unexplained: int = 0
    unfinished: int = 0
    repeated: int = 0
    strange: int = 0
    vanished: int = 0


def count_resolutions(spark: SparkSession, root: str) -> dict[Part, Resolutions]:
    """The counts of every partition with a resolved or corrected record. Missing tables count as empty."""
    if not storage.exists(spark, root, SILVER_QUARANTINE):
        return {}
    quarantine = storage.read(spark, root, SILVER_QUARANTINE).select(*_RECORD, "status")
    last = _last(_log(spark, root))
    known = last.join(_held(spark, root, last), on=_RECORD, how="left")
    records = quarantine.join(known, on=_RECORD, how="full").filter("status = 'resolved' OR outcome IS NOT NULL")
    found = records.groupBy("topic", "partition").agg(*_counts())
    return {(row["topic"], row["partition"]): Resolutions(*row[2:]) for row in found.collect()}


def _counts() -> list[Column]:
    """In the order of the fields of Resolutions."""
    is_resolved = F.coalesce(F.col("status") == "resolved", F.lit(False))
    outcome = F.coalesce(F.col("outcome"), F.lit("open"))
    said = outcome.isin(*_OUTCOMES)
    return [
        F.count_if(is_resolved),
        *[F.count_if(is_resolved & (outcome == name)) for name in _OUTCOMES],
        F.count_if(is_resolved & ~said),
        F.count_if((F.col("status") == "open") & said),
        F.count_if(F.col("is_repeated")),
        F.count_if(F.col("status").isNull()),
        F.count_if(is_resolved & said & ~F.coalesce(F.col("is_held"), F.lit(False))),
    ]


def _log(spark: SparkSession, root: str) -> DataFrame:
    if storage.exists(spark, root, SILVER_CORRECTIONS):
        return storage.read(spark, root, SILVER_CORRECTIONS)
    return spark.createDataFrame([], SILVER_CORRECTIONS.schema)


def _last(log: DataFrame) -> DataFrame:
    """The last correction of each record, and whether one replay recorded it twice or two replays resolved it."""
    in_order = Window.partitionBy(*_RECORD).orderBy("replay_id")
    is_resolving = F.col("outcome").isin(*_OUTCOMES)
    twice = F.lag(is_resolving).over(in_order) & is_resolving
    again = twice | (F.lag("replay_id").over(in_order) == F.col("replay_id"))
    moment = F.struct(*_ORDER).alias("moment")
    correction = F.struct("outcome", "target", F.col("id").alias("entity"), moment)
    told = log.select(*_RECORD, "replay_id", again.alias("again"), correction.alias("correction"))
    last = told.groupBy(*_RECORD).agg(
        F.max_by("correction", "replay_id").alias("last"), F.max("again").alias("is_repeated")
    )
    return last.select(*_RECORD, "last.*", F.coalesce("is_repeated", F.lit(False)).alias("is_repeated"))


def _held(spark: SparkSession, root: str, last: DataFrame) -> DataFrame:
    """The resolved records for whose id silver holds a row, or a tombstone, that is as late or later."""
    resolved = last.filter(F.col("outcome").isin(*_OUTCOMES))
    tables = [table for table in STATE if storage.exists(spark, root, table)]
    if not tables or resolved.isEmpty():
        return resolved.select(*_RECORD, F.lit(False).alias("is_held"))
    held = reduce(
        DataFrame.unionByName,
        [
            storage.read(spark, root, table).select(
                F.lit(table.name).alias("table"), F.col("id").alias("entity"), F.struct(*_ORDER).alias("held")
            )
            for table in tables
        ],
    )
    # an event can be superseded in its own table or by a deletion, a deletion by an event in any table
    deletion = SILVER_TOMBSTONES.name
    is_rival = (F.col("table") == F.col("target")) | (F.col("table") == deletion) | (F.col("target") == deletion)
    found = resolved.join(held, on="entity", how="inner").filter(is_rival & (F.col("held") >= F.col("moment")))
    return found.select(*_RECORD).distinct().withColumn("is_held", F.lit(True))
