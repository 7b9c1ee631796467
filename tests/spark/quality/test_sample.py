"""The committed sample runs through the whole flow and passes every check: data regressions fail here."""

import json
from pathlib import Path

from pyspark.sql import SparkSession

from lakehouse.exports import RECOMMENDATIONS_CSV, export_path
from lakehouse.history import acceptance
from lakehouse.settings import Settings
from lakehouse.spark.lakehouse import SparkLakehouse
from lakehouse.tables import GOLD_RECOMMENDATIONS, QUALITY_RESULTS, SILVER_QUARANTINE, SILVER_USERS
from quality import check
from tests.support.sample_messages import FILE, read_messages


def test_the_sample_is_small_and_has_something_of_everything() -> None:
    assert FILE.stat().st_size < 200_000
    assert {message["topic"] for message in read_messages()} == {"users", "movies", "series", "feedback"}


def test_every_table_passes(spark: SparkSession, own: Settings) -> None:
    outcome = check.run(own, [], session=lambda: spark)
    assert [result.line() for result in (*outcome.errors, *outcome.failed)] == []
    assert outcome.exit_code == 0
    assert SparkLakehouse(own.root, spark).read(SILVER_QUARANTINE).count() > 0  # the rules had something to reject
    page = Path(own.root, "quality", "docs", f"{outcome.run_id}.html").read_text(encoding="utf-8")
    assert "every expectation passed" in page
    assert json.loads(Path(own.root, "quality", "docs", f"{outcome.run_id}.json").read_text())["ok"] is True


def test_the_gates_left_their_results_and_the_export_its_file(spark: SparkSession, sample: Settings) -> None:
    results = SparkLakehouse(sample.root, spark).read(QUALITY_RESULTS)
    assert results.filter("NOT success").count() == 0
    for table in (SILVER_USERS, GOLD_RECOMMENDATIONS):
        accepted = acceptance.last_accepted(sample.root, table)
        assert accepted is not None
        assert accepted.version == SparkLakehouse(sample.root, spark).version(table)
        assert accepted.rows == SparkLakehouse(sample.root, spark).read(table).count()
    assert Path(export_path(sample.root, RECOMMENDATIONS_CSV)).is_file()
