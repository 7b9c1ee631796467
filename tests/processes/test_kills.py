"""kill -9 a process with both streams, four times: nothing is lost or duplicated.

The streams share a JVM, so each kill hits both: one of them at the named point, the other wherever it is.
`make test-crash` kills each stream alone, while every table is created, at every point and at random moments.
"""

import signal
from pathlib import Path

from pyspark.sql import SparkSession

from lakehouse.settings import Settings
from tests.support.kill_points import await_batch, kill_in_batch, kill_in_making
from tests.support.processes import Running
from tests.support.undisturbed import expect_undisturbed

POINTS = (
    "silver: after the commit of content",
    "bronze: after the table's commit, before the checkpoint's",
    "silver: after the commit of batches, before the checkpoint's",
)


def test_kills_of_both_streams_while_records_arrive(
    spark: SparkSession, settings: Settings, small_jobs: dict[str, str], tmp_path: Path
) -> None:
    producers = [
        Running(settings, tmp_path / f"{name}.log", f"producers.{name}", "--rate", "5", "--dirty", "0.1")
        for name in ("users", "movies", "feedback")
    ]

    def driver() -> Running:
        return Running(settings, tmp_path / "driver.log", "tests.support.both_streams", variables=small_jobs)

    kill_in_making(settings, "silver/content", driver())
    for point in POINTS:
        live = driver()
        await_batch(settings, point, live)
        kill_in_batch(settings, point, live)
    assert [producer.stop(signal.SIGINT) for producer in producers] == [0, 0, 0], [one.said() for one in producers]
    expect_undisturbed(spark, settings, tmp_path)
