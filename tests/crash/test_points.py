"""kill -9 of both drivers while they make a table, and at points between two commits: each start comes further.

`make test-crash` kills in every table's making and at every point, the test suite at some of them.
tests/streams/test_batch.py repeats a batch after each commit of silver.
"""

import os
from pathlib import Path
from typing import NamedTuple

from pyspark.sql import SparkSession

from bronze.ingest import ingest
from lakehouse.kafka_client import configured_cluster
from lakehouse.settings import Settings
from lakehouse.tables import layer_tables
from lakehouse.topics import ensure_topics
from producers.activity import feedback_records
from producers.delivery import publish
from producers.entities import movie_records, series_records, user_records
from producers.records import Record
from silver.refine import refine
from tests.support.processes import Running, await_condition
from tests.support.undisturbed import expect_undisturbed, numbered_files


class Point(NamedTuple):
    """A place between two commits: the driver that is killed, and the folder where a new file tells of it."""

    module: str
    folder: str
    suffix: str
    checkpoint: str


def point(layer: str, folder: str, suffix: str = ".json") -> Point:
    module = {"bronze": "bronze.ingest", "silver": "silver.refine"}[layer]
    checkpoint = {"bronze": "checkpoints/bronze/events", "silver": "checkpoints/silver"}[layer]
    return Point(module, folder, suffix, checkpoint)


POINTS = {
    "bronze: a batch is planned": point("bronze", "checkpoints/bronze/events/offsets", ""),
    "bronze: after Kafka is read": point("bronze", "bronze/events", ".parquet"),
    "bronze: after the table's commit, before the checkpoint's": point("bronze", "bronze/events/_delta_log"),
    "silver: a batch is planned": point("silver", "checkpoints/silver/offsets", ""),
    "silver: after the quarantine's commit": point("silver", "silver/quarantine/_delta_log"),
    "silver: after the commit of users": point("silver", "silver/users/_delta_log"),
    "silver: after the commit of content": point("silver", "silver/content/_delta_log"),
    "silver: after the commit of feedback": point("silver", "silver/feedback/_delta_log"),
    "silver: after the commit of tombstones": point("silver", "silver/tombstones/_delta_log"),
    "silver: after the commit of batches, before the checkpoint's": point("silver", "silver/batches/_delta_log"),
}

# The tables that each driver makes, in its order.
MADE = {
    "bronze.ingest": ("bronze/events", "bronze/feedback"),
    "silver.refine": tuple(f"silver/{table.name}" for table in layer_tables("silver")),
}
MADE_FEWER = {"bronze.ingest": ("bronze/feedback",), "silver.refine": ("silver/content",)}

FEWER = (
    "bronze: after Kafka is read",
    "bronze: after the table's commit, before the checkpoint's",
    "silver: after the quarantine's commit",
    "silver: after the commit of content",
    "silver: after the commit of batches, before the checkpoint's",
)
ALL = "CRASH_ROUNDS" in os.environ
CHOSEN, CHOSEN_MADE = (tuple(POINTS), MADE) if ALL else (FEWER, MADE_FEWER)


def send_batch(settings: Settings, seed: int) -> None:
    """Some records of every kind, good and bad, with a deletion of an entity that an earlier batch brought."""
    kafka, cluster = settings.kafka, configured_cluster(settings.kafka)
    users = [*user_records(seed, 30, dirty=0.2)]
    deletions = [Record(record.key, None, record.timestamp_ms) for record in user_records(seed - 1, 3)]
    ensure_topics(cluster, kafka.topics, **kafka.new_topics)
    parts = (
        (kafka.users_topic, [*users, *deletions]),
        (kafka.movies_topic, [*movie_records(seed, 20, dirty=0.2)]),
        (kafka.series_topic, [*series_records(seed, 10)]),
        (kafka.feedback_topic, [*feedback_records(seed, 40, users=30, movies=20, series=10, dirty=0.2)]),
    )
    for topic, records in parts:
        publish(records, topic=topic, cluster=cluster).require_complete(topic)


def kill_at(settings: Settings, where: Point, log: Path) -> bool:
    """Run the driver and kill it as soon as the point's file is there; whether its batch had not ended yet."""
    root = Path(settings.root)
    folder, commits = root / where.folder, root / where.checkpoint / "commits"
    before, ended = numbered_files(folder, where.suffix), numbered_files(commits, "")
    driver = Running(settings, log, where.module)
    await_condition(
        lambda: bool(numbered_files(folder, where.suffix) - before) or not driver.alive(), str(where), every=0.001
    )
    was_alive = driver.alive()
    driver.kill()
    assert was_alive, driver.said()[-2000:]
    return numbered_files(commits, "") == ended


def kill_in_batch(settings: Settings, name: str, folder: Path) -> None:
    assert kill_at(settings, POINTS[name], folder / "driver.log"), f"{name}: the batch had ended already"


def kill_in_making(settings: Settings, module: str, table: str, folder: Path) -> None:
    """Run the driver and kill it as soon as the table has a log, which is before the log's first commit."""
    log = Path(settings.root, table, "_delta_log")
    driver = Running(settings, folder / "driver.log", module)
    await_condition(lambda: log.is_dir() or not driver.alive(), f"{table} is being made", every=0.001)
    driver.kill()
    assert log.is_dir(), driver.said()[-2000:]
    assert numbered_files(log, ".json") == set(), f"{table} was made already"


def test_kills_in_the_making_of_tables_and_between_two_commits(
    spark: SparkSession, settings: Settings, tmp_path: Path
) -> None:
    """One batch of each stream, cut off at one point after the other: each start repeats it and comes further."""
    send_batch(settings, seed=1)
    for table in CHOSEN_MADE["bronze.ingest"]:
        kill_in_making(settings, "bronze.ingest", table, tmp_path)
    ingest(spark, settings, configured_cluster(settings.kafka))
    for table in CHOSEN_MADE["silver.refine"]:
        kill_in_making(settings, "silver.refine", table, tmp_path)
    refine(spark, settings)
    send_batch(settings, seed=2)
    in_bronze = [name for name in CHOSEN if POINTS[name].module == "bronze.ingest"]
    for name in in_bronze:
        kill_in_batch(settings, name, tmp_path)
    ingest(spark, settings, configured_cluster(settings.kafka))
    for name in CHOSEN[len(in_bronze) :]:
        kill_in_batch(settings, name, tmp_path)
    expect_undisturbed(spark, settings, tmp_path)
