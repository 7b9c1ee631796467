"""A lakehouse made from the committed sample, as `lakehouse run` makes one, and its suites on changed rows."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from pyspark.sql import DataFrame, SparkSession

from gold import count_popularity, export_powerbi, rate_affinity, recommend
from lakehouse import storage
from lakehouse.settings import Settings, load_settings
from lakehouse.tables import BRONZE_EVENTS, BRONZE_FEEDBACK, Table
from quality.checking import judged, subject_of
from quality.gate import require_passed
from quality.results import Checked
from quality.subject import Subject
from silver.refine import refine
from tests.bronze_rows import bronze_frame
from tests.quick import with_quick_models
from tests.sample_messages import sample_rows

Change = Callable[[DataFrame], DataFrame]


@pytest.fixture(scope="session")
def sample(spark: SparkSession, tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """Every step of the flow has run once, both gates included. Tests only read it, or a copy."""
    base = with_quick_models(load_settings())
    settings = base.model_copy(
        update={
            "root": str(tmp_path_factory.mktemp("sample") / "lakehouse"),
            "quality": base.quality.model_copy(update={"min_rows": 20}),
        }
    )
    for table in (BRONZE_EVENTS, BRONZE_FEEDBACK):
        storage.ensure(spark, settings.root, table)
        storage.append(bronze_frame(spark, sample_rows(table)), settings.root, table)
    refine(spark, settings)
    require_passed(spark, settings, "silver")
    for job in (rate_affinity, count_popularity, recommend):
        job.run(spark, settings)
    require_passed(spark, settings, "gold")
    export_powerbi.run(spark, settings)
    return settings


@pytest.fixture(scope="session")
def check_changed(spark: SparkSession, sample: Settings) -> Callable[[list[tuple[Table, Change]]], list[Checked]]:
    """Runs the suites of tables on their rows as each `change` makes them; nothing is written."""

    def changed(table: Table, change: Change) -> Subject:
        versions = {table.sql_name: storage.latest_version(spark, sample.root, table)}
        subject = subject_of(
            spark,
            sample,
            table,
            versions,
            newest=versions,
            moment=datetime.now(UTC),
            compare=True,
            so_far=[],
        )
        return replace(subject, rows=change(subject.rows))

    return lambda changes: judged([changed(table, change) for table, change in changes])
