"""How every crash test ends: the streams finish, and nothing is lost or duplicated."""

from pathlib import Path

from pyspark.sql import SparkSession

from bronze.ingest import ingest
from lakehouse.folders import open_folder
from lakehouse.kafka.client import configured_cluster
from lakehouse.settings import Settings
from lakehouse.tables import (
    BRONZE_EVENTS,
    BRONZE_FEEDBACK,
    SILVER_CONTENT,
    SILVER_FEEDBACK,
    SILVER_QUARANTINE,
    SILVER_TOMBSTONES,
    SILVER_USERS,
)
from operations.commands.audit import audit
from silver.refine import refine
from tests.support.tables import contents

# Columns that may differ: when a row was written.
CLOCKS = ("ingested_at", "quarantined_at")
BRONZE = (BRONZE_EVENTS, BRONZE_FEEDBACK)
SILVER = (SILVER_USERS, SILVER_CONTENT, SILVER_FEEDBACK, SILVER_TOMBSTONES, SILVER_QUARANTINE)


def expect_undisturbed(spark: SparkSession, settings: Settings, folder: Path) -> None:
    """Let the streams finish: the audit is clean, and all rows equal those of a run without crashes."""
    ingest(spark, settings, configured_cluster(settings.kafka))
    refine(spark, settings)
    expect_the_rows_of_an_undisturbed_run(spark, settings, folder)


def expect_the_rows_of_an_undisturbed_run(spark: SparkSession, settings: Settings, folder: Path) -> None:
    """The root, which may be in a store, has read everything. The other run is a local one, in the folder."""
    cluster = configured_cluster(settings.kafka)
    partitions, totals, faults = audit(settings, cluster)
    assert faults == []
    assert sum(found.unread + found.unrefined + found.missing + found.doubled for found in partitions) == 0
    assert totals.rows_in == sum(found.bronze for found in partitions) > 0
    undisturbed = settings.model_copy(update={"root": str(folder / "undisturbed")})
    ingest(spark, undisturbed, cluster)
    refine(spark, undisturbed)
    for table in (*BRONZE, *SILVER):
        got, wanted = (contents(root, table, *CLOCKS) for root in (settings.root, undisturbed.root))
        assert got == wanted, table.sql_name


def numbered_files(folder: Path | str, suffix: str) -> set[str]:
    """The finished files of a log or table, local or in a store, without temporary and checksum files."""
    names = open_folder(str(folder)).names()
    return {name for name in names if name.endswith(suffix) and not name.startswith((".", "_"))}
