"""The open rows of the quarantine as people look at them."""

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from silver.corrections import OPEN, RECORD, breaking


def by_rule(entries: DataFrame) -> DataFrame:
    """One row per rule, topic and UTC day of the Kafka timestamp: how many open rows, the first as a sample."""
    sent = F.coalesce("sent", F.hex("value_raw")).alias("sent")
    rows = entries.filter(F.col("status") == OPEN).select(
        F.explode(F.array_distinct("reasons.rule")).alias("rule"),
        "topic",
        F.to_date("kafka_timestamp").alias("day"),
        F.struct(*RECORD, "key", "id", "type", "reasons", sent).alias("sample"),
    )
    first = F.min_by("sample", F.struct("sample.partition", "sample.offset"))
    counted = rows.groupBy("rule", "topic", "day").agg(F.count("*").alias("rows"), first.alias("sample"))
    return counted.orderBy(F.desc("rows"), "rule", "topic", "day")


def of_rule(entries: DataFrame, rule: str) -> DataFrame:
    """One open row that breaks the rule, in the order of Kafka; `value` as it stands, bytes as digits."""
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
