"""What every crash test ends with: the streams come to their end, and nothing is lost or there twice."""

from pathlib import Path

from pyspark.sql import SparkSession

from bronze.ingest import ingest
from lakehouse import storage
from lakehouse.commands.audit import audit
from lakehouse.kafka_client import configured_cluster
from lakehouse.settings import Settings
from lakehouse.tables import (
    BRONZE_EVENTS,
    BRONZE_FEEDBACK,
    SILVER_CONTENT,
    SILVER_FEEDBACK,
    SILVER_QUARANTINE,
    SILVER_TOMBSTONES,
    SILVER_USERS,
    Table,
)
from silver.refine import refine

# When a row was written is no part of what it says.
CLOCKS = {"bronze.events": "ingested_at", "bronze.feedback": "ingested_at", "silver.quarantine": "quarantined_at"}
BRONZE = (BRONZE_EVENTS, BRONZE_FEEDBACK)
SILVER = (SILVER_USERS, SILVER_CONTENT, SILVER_FEEDBACK, SILVER_TOMBSTONES, SILVER_QUARANTINE)


def differences(spark: SparkSession, root: str, expected: str, table: Table) -> list[object]:
    """Rows that only one of the two lakehouses has."""
    clock = CLOCKS.get(table.sql_name, "")
    got, wanted = (storage.read(spark, where, table).drop(clock) for where in (root, expected))
    return [*got.exceptAll(wanted).take(3), *wanted.exceptAll(got).take(3)]


def expect_undisturbed(spark: SparkSession, settings: Settings, folder: Path) -> None:
    """Let the streams come to their end: the audit is clean, and all rows are those of a run without crashes."""
    cluster = configured_cluster(settings.kafka)
    ingest(spark, settings, cluster)
    refine(spark, settings)
    partitions, totals, faults = audit(spark, settings, cluster)
    assert faults == []
    assert sum(found.unread + found.unrefined + found.missing + found.doubled for found in partitions) == 0
    assert totals.rows_in == sum(found.bronze for found in partitions) > 0
    undisturbed = settings.model_copy(update={"root": str(folder / "undisturbed")})
    ingest(spark, undisturbed, cluster)
    refine(spark, undisturbed)
    for table in (*BRONZE, *SILVER):
        assert differences(spark, settings.root, undisturbed.root, table) == [], table.sql_name


def numbered_files(folder: Path, suffix: str) -> set[str]:
    """The finished files of a log or table: no temporary and no checksum ones."""
    if not folder.is_dir():
        return set()
    names = [file.name for file in folder.iterdir()]
    return {name for name in names if name.endswith(suffix) and not name.startswith((".", "_"))}
