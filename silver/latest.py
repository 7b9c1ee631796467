"""Which events win: the latest of each id, against what silver holds and what it remembers as deleted."""

from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F

# Later wins; the Kafka record's own coordinates make the order total.
ORDER = ("event_timestamp", "kafka_timestamp", "topic", "partition", "offset")

TOMBSTONE = "tombstones"


def order() -> Column:
    return F.struct(*ORDER)


def targeted(valid: DataFrame) -> DataFrame:
    """Valid rows with the silver table they belong to in `target`, and the id they are about in `entity`."""
    target = (
        F.when(F.col("is_tombstone"), TOMBSTONE)
        .when(F.col("type") == "user", "users")
        .when(F.col("type") == "feedback", "feedback")
        .otherwise("content")
    )
    entity = F.when(F.col("is_tombstone"), F.col("key_id")).otherwise(F.col("id"))
    return valid.withColumns({"target": target, "entity": entity, "id": entity})


def newest(rows: DataFrame) -> DataFrame:
    """One row per target and entity: the latest of the batch."""
    latest_first = Window.partitionBy("target", "entity").orderBy(*[F.col(name).desc() for name in ORDER])
    return rows.withColumn("place", F.row_number().over(latest_first)).filter("place = 1").drop("place")


def decide(newest_rows: DataFrame, stored: DataFrame) -> DataFrame:
    """The newest rows with `wins`: whether silver changes to them (or had already, in a repeated batch).

    `stored` has target, entity and `stored_order` of what silver holds for these entities, deletions included.
    An event wins against an older row and an older deletion. A tombstone wins against an older tombstone and
    where no later event of the same id, in whatever table, is known.
    """
    stored = stored.groupBy("target", "entity").agg(F.max("stored_order").alias("stored_order"))
    known = newest_rows.join(stored, on=["target", "entity"], how="left")
    everything = stored.withColumnRenamed("stored_order", "moment").unionByName(
        newest_rows.select("target", "entity", order().alias("moment"))
    )
    is_deletion = F.col("target") == TOMBSTONE
    per_entity = everything.groupBy("entity").agg(
        F.max(F.when(is_deletion, F.col("moment"))).alias("deletion"),
        F.max(F.when(~is_deletion, F.col("moment"))).alias("event"),
    )
    judged = known.join(per_entity, on="entity", how="left")
    beats_stored = F.col("stored_order").isNull() | (order() >= F.col("stored_order"))
    rival = F.when(is_deletion, F.col("event")).otherwise(F.col("deletion"))
    beats_rival = rival.isNull() | (order() > rival)
    return judged.withColumn("wins", beats_stored & beats_rival).drop("deletion", "event")
