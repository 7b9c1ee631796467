"""A long-running stream compacts the small files of its micro-batches without affecting other streams."""

from pathlib import Path

from pyspark.sql import SparkSession
from pyspark.sql import functions as F

from bronze.ingest import ingest
from lakehouse.history.commits import commits
from lakehouse.kafka.client import configured_cluster
from lakehouse.kafka.topics import ensure_topics
from lakehouse.lakehouse import Lakehouse
from lakehouse.settings import Settings
from lakehouse.spark.lakehouse import SparkLakehouse
from lakehouse.tables import BRONZE_EVENTS, SILVER_USERS
from producers.made_up.entities import user_records
from producers.sending.delivery import publish
from silver.refine import refine
from tests.support.frames import assert_df_equality
from tests.support.processes import Running, await_condition


def operations(settings: Settings) -> list[str]:
    return [commit.operation for commit in commits(Lakehouse(settings.root), BRONZE_EVENTS)]


def test_small_files_are_joined_between_batches(
    spark: SparkSession, settings: Settings, small_jobs: dict[str, str], tmp_path: Path
) -> None:
    """Silver before and after; bronze resumes from a commit that is not its own."""
    lake = SparkLakehouse(settings.root, spark)
    kafka = settings.kafka
    cluster = configured_cluster(kafka)
    ensure_topics(cluster, kafka.topics, partitions=4, replication_factor=1, timeout_seconds=20)

    def send(seed: int) -> None:
        records = user_records(seed, 50)
        publish(records, topic=kafka.users_topic, cluster=cluster).require_complete(kafka.users_topic)

    send(1)
    ingest(spark, settings, cluster)
    refine(spark, settings)
    assert "OPTIMIZE" not in operations(settings)
    send(2)
    command = ("bronze.ingest", "--trigger", "200ms")
    stream = Running(settings, tmp_path / "stream.log", *command, variables=small_jobs)
    try:
        await_condition(lambda: not stream.alive() or "OPTIMIZE" in operations(settings), "small files are joined")
    finally:
        stream.kill()
    assert operations(settings).count("OPTIMIZE") == 1, stream.said()[-2000:]
    send(3)
    ingest(spark, settings, cluster)
    refine(spark, settings)
    landed = lake.read(BRONZE_EVENTS)
    assert landed.count() == 150
    assert landed.select("topic", "partition", "offset").distinct().count() == 150
    sent = landed.select(F.get_json_object("value", "$.id").alias("id")).distinct()
    users = lake.read(SILVER_USERS).select("id")
    assert_df_equality(users, sent, ignore_row_order=True, ignore_nullable=True)
