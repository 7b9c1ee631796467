"""A small lakehouse with a quarantine for the tests of its replay, and what they read from it."""

from pathlib import Path

import pytest
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from lakehouse.lakehouse import Lakehouse
from lakehouse.settings import Settings, load_settings
from lakehouse.spark.lakehouse import SparkLakehouse
from lakehouse.tables import (
    BRONZE_EVENTS,
    BRONZE_FEEDBACK,
    SILVER_CORRECTIONS,
    SILVER_QUARANTINE,
)
from operations.audit.auditing import all_faults, compare_partition, with_resolutions
from operations.audit.ledger import count_records, count_totals
from operations.audit.pinned import Pinned
from operations.audit.resolutions import count_resolutions
from silver import refine as refine_job
from silver.judging import judged
from silver.refine import refine
from tests.support.records import FEEDBACK, MOVIE, USER, bronze_row, event, land, tombstone

# A classification that is not in the shipped settings.
NEW = "+12"
# When something was written.
CLOCKS = ("quarantined_at", "resolved_at", "replayed_at", "finished_at")
# Determined by Kafka's order, which tests need not know.
COORDINATES = ("topic", "partition", "offset")


# The key of each rejected record says what will become of it if only the rules change.
ROWS = [
    event(MOVIE, "first", 20, clasificacion=NEW),  # silver holds nothing of it: applied
    event(MOVIE, "older", 30, titulo="stays"),
    event(MOVIE, "older", 20, titulo="too old", clasificacion=NEW),  # superseded
    event(MOVIE, "newer", 10, titulo="before"),
    event(MOVIE, "newer", 20, titulo="after", clasificacion=NEW),  # applied
    event(MOVIE, "deleted later", 20, clasificacion=NEW),  # superseded by...
    tombstone("deleted later", 30),
    event(MOVIE, "deleted before", 20, clasificacion=NEW),  # comes back: applied, later than...
    tombstone("deleted before", 10),
    event(MOVIE, "twice", 20, titulo="one", clasificacion=NEW),  # superseded by...
    event(MOVIE, "twice", 25, titulo="two", clasificacion=NEW),  # applied
    event(USER, "user", 20, clasificacion=NEW),  # applied
    event(MOVIE, "two faults", 20, clasificacion=NEW, titulo=" "),  # stays open for the other fault
    event(MOVIE, "goes", 10),
    tombstone("goes", 20),  # rejected once by STRICT: deleted
    event(MOVIE, "outlives", 30),
    tombstone("outlives", 20),  # rejected once by STRICT: superseded
    bronze_row("no JSON", key="text"),  # stays open
    bronze_row(None, key=None),  # a tombstone of nothing: stays open
]
FEEDBACK_ROWS = [
    event(FEEDBACK, "liked", 20),
    event(FEEDBACK, "rated", 20, action="rating", rating=9),  # stays open
]
STRICT = ("goes", "outlives")


def strictly_judged(records: DataFrame, **settings: object) -> DataFrame:
    """Earlier rules: they rejected some deletions that today's accept."""
    reason = F.struct(F.lit("key_unknown").alias("rule"), F.lit("key").alias("field"), F.col("key").alias("value"))
    is_rejected = F.col("is_tombstone") & F.col("key").isin(*STRICT)
    found = judged(records, **{**settings, "keep_sent": True})  # type: ignore[arg-type]
    return found.withColumn("reasons", F.when(is_rejected, F.array(reason)).otherwise(F.col("reasons")))


def make(spark: SparkSession, root: Path) -> None:
    """Bronze with ROWS and FEEDBACK_ROWS, refined with the earlier rules."""
    settings = load_settings().model_copy(update={"root": str(root)})
    land(settings.root, BRONZE_EVENTS, ROWS)
    land(settings.root, BRONZE_FEEDBACK, FEEDBACK_ROWS)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(refine_job, "judged", strictly_judged)
        refine(spark, settings)


def accepting_new(settings: Settings) -> Settings:
    """The settings with NEW among the classifications."""
    known = (*settings.silver.clasificaciones, NEW)
    return settings.model_copy(update={"silver": settings.silver.model_copy(update={"clasificaciones": known})})


def became(spark: SparkSession, root: str) -> dict[str, list[str]]:
    """By key, the outcomes of its rejected records in Kafka order; "open" if none was recorded."""
    lake = SparkLakehouse(root, spark)
    quarantine = lake.read(SILVER_QUARANTINE).select(*COORDINATES, "key", "status")
    log = lake.read(SILVER_CORRECTIONS)
    last = log.groupBy(*COORDINATES).agg(F.max_by("outcome", "replay_id").alias("outcome"))
    rows = quarantine.join(last, on=list(COORDINATES), how="left").orderBy(*COORDINATES).collect()
    found: dict[str, list[str]] = {}
    for row in rows:
        outcome = row["outcome"] or "open"
        assert row["status"] == ("open" if outcome == "open" else "resolved"), row
        found.setdefault(str(row["key"]), []).append(outcome)
    return found


def audit_faults(root: str) -> list[str]:
    """The faults that the audit finds without Kafka, which plays no part in a replay."""
    tables = Pinned(Lakehouse(root))
    found = {
        part: compare_partition(part, counts, kafka=None, read_to=None, missing=0, missing_ranges="", lost=0)
        for part, counts in count_records(tables).items()
    }
    resolutions = count_resolutions(tables)
    return all_faults(found, with_resolutions(count_totals(tables), resolutions), resolutions)
