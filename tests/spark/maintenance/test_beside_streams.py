"""Maintenance beside Spark's streams: one that is behind loses nothing, one that runs goes on."""

from datetime import UTC, datetime
from pathlib import Path

import pytest
from pyspark.errors import AnalysisException
from pyspark.sql import SparkSession

from lakehouse.lakehouse import Lakehouse
from lakehouse.settings import Settings
from lakehouse.spark.lakehouse import SparkLakehouse
from lakehouse.spark.sql import setting
from lakehouse.tables import BRONZE_EVENTS, BRONZE_FEEDBACK, SILVER_BATCHES, SILVER_USERS
from maintenance import maintain
from silver.refine import refine
from tests.support.maintained import DAYS, HOURS, age, settings_at, unreadable
from tests.support.records import USER, bronze_frame, bronze_row

_ENFORCED = "spark.databricks.delta.vacuum.enforceTimeTravelWithinDeletedFileRetentionDuration"


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return settings_at(tmp_path / "lakehouse", keep_days=0)


def land(lake: SparkLakehouse, first: int, last: int) -> None:
    """Users of these numbers, a commit each."""
    for number in range(first, last):
        row = bronze_row(USER | {"id": f"u{number}"}, key=f"u{number}")
        lake.append(bronze_frame(lake.spark, [("users", row[1], number, *row[3:])]), BRONZE_EVENTS)


def maintained(spark: SparkSession, settings: Settings) -> maintain.Maintenance:
    return maintain.run(settings, (), session=lambda: spark, now=datetime.now(UTC))


def test_silver_goes_on_from_50_versions_behind(spark: SparkSession, settings: Settings) -> None:
    """Bronze's small files are joined and its log is cut; what silver has not read stays until it has."""
    lake, root = SparkLakehouse(settings.root, spark), Path(settings.root)
    for table in (BRONZE_EVENTS, BRONZE_FEEDBACK):
        lake.ensure(table)
    land(lake, 0, 3)
    refine(spark, settings)
    land(lake, 3, 5)
    refine(spark, settings)
    land(lake, 5, 55)
    age(root, 2 * DAYS)
    joined = {kept.expiry.table.sql_name: kept.small_files for kept in maintained(spark, settings).tables}
    assert joined[BRONZE_EVENTS.sql_name] == 55
    age(root, 2 * HOURS)
    maintained(spark, settings)
    in_process = Lakehouse(root)
    assert in_process.versions(BRONZE_EVENTS)[0] == 3  # the last one that silver's first batch read
    assert unreadable(root, BRONZE_EVENTS) == []
    refine(spark.newSession(), settings)
    assert sorted(in_process.read(SILVER_USERS)["id"].to_pylist()) == sorted(f"u{number}" for number in range(55))
    assert sum(in_process.read(SILVER_BATCHES)["rows_in"].to_pylist()) == 55
    land(lake, 55, 56)
    refine(spark, settings)
    age(root, 2 * DAYS)
    maintained(spark, settings)
    age(root, 2 * HOURS)
    maintained(spark, settings)
    assert len(list((root / "bronze" / "events").glob("*.parquet"))) == 2
    refine(spark, settings)
    assert in_process.read(SILVER_USERS).num_rows == 56


def test_spark_reads_a_version_of_a_month_ago(spark: SparkSession, settings: Settings) -> None:
    """A gate may fall back to it. By default Delta reads none older than a week, even if its files exist."""
    lake = SparkLakehouse(settings.root, spark)
    lake.ensure(BRONZE_EVENTS)
    land(lake, 0, 1)
    age(Path(settings.root), 30 * DAYS)
    land(lake, 1, 2)
    with setting(spark, _ENFORCED, "true"), pytest.raises(AnalysisException, match="Cannot time travel beyond"):
        lake.read(BRONZE_EVENTS, version=1).count()
    assert lake.read(BRONZE_EVENTS, version=1).count() == 1
