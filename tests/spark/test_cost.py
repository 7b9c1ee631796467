"""What a micro-batch of fixed records costs, in figures that no other load on the machine changes."""

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest
from pyspark.sql import SparkSession

from bronze.ingest import ingest
from lakehouse.folders import Folder
from lakehouse.kafka.client import configured_cluster
from lakehouse.kafka.topics import ensure_topics
from lakehouse.settings import Settings, load_settings
from lakehouse.spark.lakehouse import SparkLakehouse
from lakehouse.tables import layer_tables
from producers.made_up.entities import user_records
from producers.sending.delivery import publish
from silver.batch import apply_batch
from silver.judging import judged
from silver.sizes import Bounds
from tests.support.records import FEEDBACK, MOVIE, USER, Row, bronze_frame, event, numbered, tombstone

FIRST = [event(USER, "u-1", 10), event(USER, "u-2", 10), event(MOVIE, "m-1", 10), event(FEEDBACK, "f-1", 10)]
# Has work for every commit: an update, a deletion, new rows, a rejected record.
SECOND = [
    event(USER, "u-1", 20),
    tombstone("u-2", 20),
    event(MOVIE, "m-2", 20),
    event(FEEDBACK, "f-2", 20),
    event(MOVIE, "m-3", 20, titulo=""),
]
SMALL, LARGE = Bounds(rows=1_000, table_bytes=1 << 20), Bounds(rows=0, table_bytes=0)


class Cost(NamedTuple):
    """Spark jobs started, Parquet files and commits written, and how often a log's folder was listed in Python."""

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


@pytest.mark.parametrize(
    ("bounds", "expected"), [(SMALL, Cost(1, 6, 6, 0)), (LARGE, Cost(0, 0, 0, 0))], ids=["in process", "by Spark"]
)
def test_a_micro_batch_of_silver(spark: SparkSession, tmp_path: Path, bounds: Bounds, expected: Cost) -> None:
    root, silver = str(tmp_path / "lakehouse"), load_settings().silver
    for table in layer_tables("silver"):
        SparkLakehouse(root, spark).ensure(table)

    def apply(rows: list[Row], batch_id: int) -> None:
        verdicts = judged(
            bronze_frame(spark, rows),
            clasificaciones=silver.clasificaciones,
            future_tolerance_seconds=silver.future_tolerance_seconds,
        )
        apply_batch(verdicts, root, query_id="q", batch_id=batch_id, versions={}, bounds=bounds)

    apply(numbered(FIRST), 0)
    assert cost_of(lambda: apply(numbered(SECOND, first=len(FIRST)), 1), spark, root) == expected


def test_a_run_of_bronze_with_one_micro_batch(spark: SparkSession, settings: Settings) -> None:
    """With the start of both streams; only one of them has a record."""
    kafka, cluster = settings.kafka, configured_cluster(settings.kafka)
    ensure_topics(cluster, kafka.topics, partitions=1, replication_factor=1, timeout_seconds=20)

    def send(seed: int) -> None:
        publish(user_records(seed, 20), topic=kafka.users_topic, cluster=cluster).require_complete("users")

    send(1)
    ingest(spark, settings, cluster)
    send(2)
    assert cost_of(lambda: ingest(spark, settings, cluster), spark, settings.root) == Cost(0, 0, 0, 0)
