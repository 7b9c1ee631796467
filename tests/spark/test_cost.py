"""What a micro-batch of fixed records costs, in counts that no other load on the machine changes."""

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest
from pyspark.sql import SparkSession

from bronze.ingest import ingest
from lakehouse.folders import Folder
from lakehouse.kafka.client import configured_cluster
from lakehouse.settings import Settings
from silver.refine import refine
from tests.support.kill_points import send_batch


class Cost(NamedTuple):
    """Spark jobs, Parquet files and commits that a run of a stream made, and its listings of logs in Python.

    The run has one micro-batch per query, and contains the start of the stream.
    """

    jobs: int
    files: int
    commits: int
    listings: int


def cost_of(work: Callable[[], object], spark: SparkSession, root: str) -> Cost:
    listed: list[str] = []
    sizes = Folder.sizes

    def counted(folder: Folder) -> dict[str, int]:
        listed.append(folder.path)
        return sizes(folder)

    before, jobs = written_below(root), jobs_started(spark)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Folder, "sizes", counted)
        work()
    new = written_below(root) - before
    commits = [file for file in new if file.parent.name == "_delta_log" and file.suffix == ".json"]
    data = [file for file in new if file.suffix == ".parquet" and "_delta_log" not in file.parts]
    listings = sum(path.endswith("_delta_log") for path in listed)
    return Cost(jobs_started(spark) - jobs, len(data), len(commits), listings)


def jobs_started(spark: SparkSession) -> int:
    """Since the session began: its lists keep only the last one."""
    return int(spark.sparkContext._jsc.sc().dagScheduler().numTotalJobs())


def written_below(root: str) -> set[Path]:
    return {file for file in Path(root).rglob("*") if file.is_file()}


def assert_at_most(cost: Cost, limit: Cost) -> None:
    assert all(had <= most for had, most in zip(cost, limit, strict=True)), f"{cost}, at most {limit}"


def test_a_micro_batch_of_each_stream(spark: SparkSession, settings: Settings) -> None:
    """Updates, deletions, new rows of every kind and rejected ones, after a batch that made the tables."""
    cluster = configured_cluster(settings.kafka)
    silver = settings.silver.model_copy(update={"in_process_rows": 0})
    by_spark = settings.model_copy(update={"silver": silver})

    def cost(work: Callable[[], object]) -> Cost:
        return cost_of(work, spark, settings.root)

    send_batch(settings, seed=1)
    ingest(spark, settings, cluster)
    refine(spark, settings)
    send_batch(settings, seed=2)
    assert_at_most(cost(lambda: ingest(spark, settings, cluster)), Cost(jobs=2, files=4, commits=2, listings=12))
    assert_at_most(cost(lambda: refine(spark, settings)), Cost(jobs=3, files=12, commits=6, listings=40))
    send_batch(settings, seed=3)
    ingest(spark, settings, cluster)
    assert_at_most(cost(lambda: refine(spark, by_spark)), Cost(jobs=50, files=12, commits=6, listings=52))
