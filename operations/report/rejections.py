"""Why records are in the quarantine, rule by rule, with a few examples."""

from datetime import UTC
from typing import Any

from pyspark.sql import DataFrame, Window
from pyspark.sql import functions as F

from lakehouse.tables import SILVER_QUARANTINE
from operations.report.contents import Rejection, Rejections, Sample
from operations.report.snapshot import Snapshot

# Characters of each record and value: enough to see what is wrong, on a page that stays small.
RECORD_LENGTH = 600


def read_rejections(snapshot: Snapshot, *, samples_per_rule: int) -> Rejections | None:
    quarantine = snapshot.rows(SILVER_QUARANTINE)
    if quarantine is None:
        return None
    totals = quarantine.agg(F.count("*"), F.count_if(F.col("status") == "open")).collect()[0]
    if not totals[0]:
        return Rejections(0, 0, ())
    samples: dict[str, list[Sample]] = {}
    records: dict[str, int] = {}
    for row in sampled(quarantine, per_rule=samples_per_rule).collect():
        records[row["rule"]] = row["records"]
        samples.setdefault(row["rule"], []).append(_sample(row))
    rules = [Rejection(rule, count, tuple(samples[rule])) for rule, count in records.items()]
    return Rejections(totals[0], totals[1], tuple(sorted(rules, key=lambda found: (-found.records, found.rule))))


def sampled(quarantine: DataFrame, *, per_rule: int) -> DataFrame:
    """One row per rule and sample, the newest `per_rule` of each rule, with the rule's number of records.

    A record that breaks a rule in several fields counts once, with the first of them.
    """
    reasons = F.filter("reasons", lambda reason: reason["rule"] == F.col("rule"))
    broken = quarantine.withColumn("rule", F.explode(F.array_distinct("reasons.rule"))).select(
        "rule",
        *("topic", "partition", "offset", "kafka_timestamp"),
        F.get(reasons, F.lit(0)).alias("reason"),
        F.substring("value", 1, RECORD_LENGTH).alias("value"),
        F.substring("value_raw", 1, RECORD_LENGTH).alias("value_raw"),
        F.coalesce(F.length("value"), F.length("value_raw"), F.lit(0)).alias("length"),
    )
    one_rule = Window.partitionBy("rule")
    newest = one_rule.orderBy(F.desc("kafka_timestamp"), "topic", "partition", F.desc("offset"))
    counted = broken.withColumn("records", F.count("*").over(one_rule))
    placed = counted.withColumn("place", F.row_number().over(newest))
    return placed.where(F.col("place") <= per_rule).orderBy("rule", "place")


def _sample(row: Any) -> Sample:
    raw = row["value_raw"]
    # bytes that are not UTF-8 are shown as \xe9, so that what was sent stays recognisable
    record = row["value"] if raw is None else bytes(raw).decode("utf-8", errors="backslashreplace")
    reason = row["reason"]
    return Sample(
        topic=row["topic"],
        partition=row["partition"],
        offset=row["offset"],
        # pyspark returns naive times in this machine's zone
        kafka_timestamp=row["kafka_timestamp"].astimezone(UTC),
        field=reason["field"],
        value=reason["value"],
        record=record or "",
        missing=max(0, row["length"] - RECORD_LENGTH),
    )
