"""Lakehouses shared by the tests of a session: one built from the committed sample, one with a quarantine."""

import shutil
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

import pytest
from pyspark.sql import DataFrame, SparkSession

from gold import count_popularity, export_powerbi, rate_affinity, recommend
from lakehouse.arrow import plain_strings
from lakehouse.settings import Settings, load_settings
from lakehouse.spark.lakehouse import SparkLakehouse
from lakehouse.tables import BRONZE_EVENTS, BRONZE_FEEDBACK, Table
from quality.batches import pandas_rows
from quality.checking import check_rows, subject_of
from quality.gate import require_passed
from quality.results import CheckedTable
from silver.refine import refine
from tests.support.folders import EVERY_SIGN
from tests.support.once import made_once
from tests.support.quarantined import make
from tests.support.records import bronze_frame
from tests.support.sample_messages import sample_rows
from tests.support.small import with_quick_models

Change = Callable[[DataFrame], DataFrame]
Engine = Literal["pandas", "spark"]
CheckChanged = Callable[[Table, Change, Engine], CheckedTable]


@pytest.fixture(scope="session")
def sample(spark: SparkSession, run_folder: Path) -> Settings:
    """A lakehouse after every step has run once on the committed sample, both gates included. Read-only."""
    base = with_quick_models(load_settings())
    quality = base.quality.model_copy(update={"min_rows": 20})
    settings = base.model_copy(update={"root": str(run_folder / "sample" / EVERY_SIGN), "quality": quality})
    made_once(run_folder / "sample", lambda _: make_lakehouse(spark, settings))
    return settings


@pytest.fixture
def own(sample: Settings, tmp_path: Path) -> Settings:
    """A copy of it for a test to modify."""
    shutil.copytree(sample.root, tmp_path / "lakehouse")
    return sample.model_copy(update={"root": str(tmp_path / "lakehouse")})


def make_lakehouse(spark: SparkSession, settings: Settings) -> None:
    lake = SparkLakehouse(settings.root, spark)
    for table in (BRONZE_EVENTS, BRONZE_FEEDBACK):
        lake.ensure(table)
        lake.append(bronze_frame(spark, sample_rows(table)), table)
    refine(spark, settings)
    require_passed(spark, settings, "silver")
    for job in (rate_affinity, count_popularity, recommend):
        job.run(spark, settings)
    require_passed(spark, settings, "gold")
    export_powerbi.run(spark, settings)


@pytest.fixture(scope="session")
def check_changed(spark: SparkSession, sample: Settings) -> CheckChanged:
    """Runs the suite of a table on its rows after a `change`, on pandas or on Spark; nothing is written."""

    def checked(table: Table, change: Change, engine: Engine) -> CheckedTable:
        versions = {table.sql_name: SparkLakehouse(sample.root, spark).version(table)}
        subject = subject_of(
            sample, table, versions, newest=versions, moment=datetime.now(UTC), compare=True, so_far=[]
        )
        rows = change(SparkLakehouse(sample.root, spark).read(table)).coalesce(1).persist()
        try:
            return check_rows(subject, rows if engine == "spark" else pandas_rows(plain_strings(rows.toArrow())))
        finally:
            rows.unpersist()

    return checked


@pytest.fixture(scope="session")
def quarantined(spark: SparkSession, run_folder: Path) -> Settings:
    """A lakehouse with a quarantine. Read-only."""
    root = made_once(run_folder / "quarantined", lambda folder: make(spark, folder))
    return load_settings().model_copy(update={"root": str(root)})


@pytest.fixture
def copied(quarantined: Settings, tmp_path: Path) -> Settings:
    """A copy of it for one test."""
    return quarantined.model_copy(update={"root": str(shutil.copytree(quarantined.root, tmp_path / "lakehouse"))})
