"""The open rows of the quarantine, as people view them."""

from pyspark.sql import DataFrame, Window
from pyspark.sql import functions as F

from silver.latest import RECORD
from silver.quarantine.corrections import OPEN, breaking


def by_rule(entries: DataFrame) -> DataFrame:
    """One row per rule, topic and UTC day of the Kafka timestamp: the number of open rows, the first as a sample.

    Ordered by the rule's number of rows, largest first. The sample's `reason` is the one for this rule.
    """
    reasons = F.filter("reasons", lambda reason: reason["rule"] == F.col("rule"))
    sent = F.coalesce("sent", F.hex("value_raw")).alias("sent")
    rows = entries.filter(F.col("status") == OPEN).withColumn("rule", F.explode(F.array_distinct("reasons.rule")))
    sampled = rows.select(
        "rule",
        "topic",
        F.to_date("kafka_timestamp").alias("day"),
        F.struct(*RECORD, "key", "id", "type", F.get(reasons, 0).alias("reason"), sent).alias("sample"),
    )
    first = F.min_by("sample", F.struct("sample.partition", "sample.offset"))
    counted = sampled.groupBy("rule", "topic", "day").agg(F.count("*").alias("rows"), first.alias("sample"))
    of_rule = F.sum("rows").over(Window.partitionBy("rule"))
    return (
        counted.withColumn("of_rule", of_rule).orderBy(F.desc("of_rule"), "rule", "topic", "day").drop("of_rule")
    )


def of_rule(entries: DataFrame, rule: str) -> DataFrame:
    """One open row that breaks the rule, in Kafka order; `value` in its current state, bytes as hex digits."""
    chosen = breaking(entries.filter(F.col("status") == OPEN), rule)
    return chosen.select(
        *RECORD,
        "kafka_timestamp",
        F.coalesce("key", F.hex("key_raw")).alias("key"),
        "type",
        "id",
        "reasons",
        F.coalesce("value", F.hex("value_raw")).alias("value"),
        F.col("corrected").isNotNull().alias("is_corrected"),
        "quarantined_at",
    ).orderBy(*RECORD)
