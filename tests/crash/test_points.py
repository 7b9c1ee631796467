"""kill -9 both drivers during the creation of every table, and between any two commits of a batch.

Each start gets further. tests/spark/silver/test_batch.py repeats a batch after each commit of silver, in process.
"""

from pathlib import Path

from pyspark.sql import SparkSession

from bronze.ingest import ingest
from lakehouse.kafka.client import configured_cluster
from lakehouse.settings import Settings
from silver.refine import refine
from tests.support.kill_points import MADE, POINTS, kill_in_batch, kill_in_making, send_batch
from tests.support.processes import Running
from tests.support.undisturbed import expect_undisturbed


def test_kills_in_the_making_of_tables_and_between_two_commits(
    spark: SparkSession, settings: Settings, tmp_path: Path
) -> None:
    """One batch of each stream, interrupted at each point in turn: each start repeats it and gets further."""
    cluster, log = configured_cluster(settings.kafka), tmp_path / "driver.log"
    finish = {
        "bronze.ingest": lambda: ingest(spark, settings, cluster),
        "silver.refine": lambda: refine(spark, settings),
    }
    send_batch(settings, seed=1)
    for module, tables in MADE.items():
        for table in tables:
            kill_in_making(settings, table, Running(settings, log, module))
        finish[module]()
    send_batch(settings, seed=2)
    for module in MADE:
        for name in [name for name, point in POINTS.items() if point.module == module]:
            kill_in_batch(settings, name, Running(settings, log, module))
        finish[module]()
    expect_undisturbed(spark, settings, tmp_path)
