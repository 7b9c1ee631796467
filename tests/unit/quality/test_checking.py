"""Small tables are checked in this process; only a table larger than the settings allow asks for Spark."""

from datetime import UTC, datetime
from pathlib import Path

import pytest
from deltalake import DeltaTable
from pyspark.sql import SparkSession

from lakehouse.arrow import delta_schema
from lakehouse.errors import TableError
from lakehouse.lakehouse import Lakehouse
from lakehouse.settings import Settings, load_settings
from lakehouse.tables import QUALITY_RESULTS, SILVER_TOMBSTONES
from quality.check import run
from tests.support.delta_tables import write

MONDAY = datetime(2026, 3, 2, tzinfo=UTC)


class SparkIsNeededError(Exception):
    """A check asked for Spark."""


def no_spark() -> SparkSession:
    raise SparkIsNeededError


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """A lakehouse with two deleted ids."""
    row = {"event_timestamp": MONDAY, "kafka_timestamp": MONDAY, "topic": "t", "partition": 0, "offset": 0}
    DeltaTable.create(tmp_path / "silver" / "tombstones", delta_schema(SILVER_TOMBSTONES))
    write(tmp_path, SILVER_TOMBSTONES, *({"id": name, **row} for name in ("a", "b")))
    return load_settings().model_copy(update={"root": str(tmp_path)})


def with_pandas_rows(settings: Settings, most: int) -> Settings:
    quality = settings.quality.model_copy(update={"max_pandas_rows": most})
    return settings.model_copy(update={"quality": quality})


def test_a_small_table_needs_no_spark_and_its_results_are_recorded(settings: Settings) -> None:
    outcome = run(with_pandas_rows(settings, 2), ["silver.tombstones"], session=no_spark)
    assert [result.line() for result in (*outcome.errors, *outcome.failed)] == []
    recorded = Lakehouse(settings.root).read(QUALITY_RESULTS).to_pylist()
    (checked,) = outcome.tables
    assert [(row["expectation"], row["version"]) for row in recorded] == [
        (result.expectation, 1) for result in checked.results
    ]
    assert len(recorded) > 10


def test_a_larger_table_asks_for_spark(settings: Settings) -> None:
    with pytest.raises(SparkIsNeededError):
        run(with_pandas_rows(settings, 1), ["silver.tombstones"], session=no_spark)


def test_the_version_that_is_asked_for_is_checked(settings: Settings) -> None:
    (checked,) = run(settings, ["silver.tombstones"], session=no_spark, version=0).tables
    assert [(result.observed, result.expected) for result in checked.results] == [("0", "may be empty")]
    with pytest.raises(TableError, match=r"silver\.tombstones has no version 7; it has 0 to 1"):
        run(settings, ["silver.tombstones"], session=no_spark, version=7)


def test_a_missing_table_is_named(settings: Settings) -> None:
    with pytest.raises(TableError, match=r"table silver\.users does not exist"):
        run(settings, ["silver.users"], session=no_spark)
