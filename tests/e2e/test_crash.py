"""kill -9 of everything that can be killed, at any moment: afterwards nothing is lost and nothing is there twice.

`make test-crash` kills 20 times per stream; the test suite 4 times, with a seed of its own.
"""

import json
import os
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest
from pyspark.sql import SparkSession

from bronze.ingest import ingest
from lakehouse import storage
from lakehouse.broker import kafka_cluster
from lakehouse.broker_config import LOOPBACK
from lakehouse.commands.audit import audit
from lakehouse.kafka_client import configured_cluster
from lakehouse.settings import Settings
from lakehouse.tables import (
    BRONZE_EVENTS,
    BRONZE_FEEDBACK,
    SILVER_CONTENT,
    SILVER_FEEDBACK,
    SILVER_QUARANTINE,
    SILVER_TOMBSTONES,
    SILVER_USERS,
    Table,
)
from lakehouse.topics import ensure_topics
from producers.activity import feedback_records
from producers.delivery import publish
from producers.entities import movie_records, series_records, user_records
from producers.records import Record
from silver.refine import refine
from tests.e2e.processes import Running, await_condition

ROUNDS = int(os.environ.get("CRASH_ROUNDS", "4"))
SEED = int(os.environ.get("CRASH_SEED", "7"))
# From the start of a driver to its kill: from before its first batch to some batches later.
KILL_SECONDS = (6.0, 22.0)
# When a row was written is no part of what it says.
CLOCKS = {"bronze.events": "ingested_at", "bronze.feedback": "ingested_at", "silver.quarantine": "quarantined_at"}
BRONZE = (BRONZE_EVENTS, BRONZE_FEEDBACK)
SILVER = (SILVER_USERS, SILVER_CONTENT, SILVER_FEEDBACK, SILVER_TOMBSTONES, SILVER_QUARANTINE)


def differences(spark: SparkSession, root: str, expected: str, table: Table) -> list[object]:
    """Rows that only one of the two lakehouses has."""
    clock = CLOCKS.get(table.sql_name, "")
    got, wanted = (storage.read(spark, where, table).drop(clock) for where in (root, expected))
    return [*got.exceptAll(wanted).take(3), *wanted.exceptAll(got).take(3)]


def expect_undisturbed(spark: SparkSession, settings: Settings, folder: Path) -> None:
    """Let the streams come to their end: the audit is clean, and all rows are those of a run without crashes."""
    cluster = configured_cluster(settings.kafka)
    ingest(spark, settings, cluster)
    refine(spark, settings)
    partitions, totals, faults = audit(spark, settings, cluster)
    assert faults == []
    assert sum(found.unread + found.unrefined + found.missing + found.doubled for found in partitions) == 0
    assert totals.rows_in == sum(found.bronze for found in partitions) > 0
    undisturbed = settings.model_copy(update={"root": str(folder / "undisturbed")})
    ingest(spark, undisturbed, cluster)
    refine(spark, undisturbed)
    for table in (*BRONZE, *SILVER):
        assert differences(spark, settings.root, undisturbed.root, table) == [], table.sql_name


def test_kills_at_random_moments(spark: SparkSession, settings: Settings, tmp_path: Path) -> None:
    """Both drivers and a producer, again and again, while producers go on; some entities come several times."""
    moments = np.random.default_rng(SEED)
    steady = [
        Running(settings, tmp_path / f"{name}.log", f"producers.{name}", "--rate", "40", "--dirty", "0.1")
        for name in ("users", "feedback")
    ]
    kills = 0
    for _ in range(ROUNDS):
        # the same seed sends the same entities each round; this producer is killed too
        drivers = [
            Running(settings, tmp_path / "bronze.log", "bronze.ingest", "--trigger", "200ms"),
            Running(settings, tmp_path / "movies.log", "producers.movies", "--rate", "40", "--seed", "3"),
        ]
        await_condition(lambda: Path(settings.root, "bronze", "feedback", "_delta_log").exists(), "bronze begins")
        drivers.append(Running(settings, tmp_path / "silver.log", "silver.refine", "--trigger", "200ms"))
        ends = sorted((time.monotonic() + moments.uniform(*KILL_SECONDS), index) for index in range(len(drivers)))
        for moment, index in ends:
            await_condition(lambda moment=moment: time.monotonic() >= moment, "the moment comes")  # type: ignore[misc]
            assert drivers[index].alive(), drivers[index].said()[-2000:]
            drivers[index].kill()
            kills += 1
    assert kills == 3 * ROUNDS
    assert [producer.stop(signal.SIGINT) for producer in steady] == [0, 0], [one.said() for one in steady]
    expect_undisturbed(spark, settings, tmp_path)


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

FIRST_OF_SILVER = "silver: a batch is planned"


def numbered_files(folder: Path, suffix: str) -> set[str]:
    """The finished files of a log or table: no temporary and no checksum ones."""
    if not folder.is_dir():
        return set()
    names = [file.name for file in folder.iterdir()]
    return {name for name in names if name.endswith(suffix) and not name.startswith((".", "_"))}


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


def test_kills_at_every_point_between_two_commits(spark: SparkSession, settings: Settings, tmp_path: Path) -> None:
    """One batch of each stream, cut off at one point after the other: each start repeats it and comes further."""
    send_batch(settings, seed=1)
    ingest(spark, settings, configured_cluster(settings.kafka))
    refine(spark, settings)
    send_batch(settings, seed=2)
    for name, where in POINTS.items():
        if where == POINTS[FIRST_OF_SILVER]:
            ingest(spark, settings, configured_cluster(settings.kafka))
        assert kill_at(settings, where, tmp_path / "driver.log"), f"{name}: the batch had ended already"
    expect_undisturbed(spark, settings, tmp_path)


@pytest.fixture
def own_broker(settings: Settings, tmp_path: Path) -> Iterator[tuple[Settings, Callable[[], int]]]:
    """Settings with a broker that may be killed, at a port that stays, and a way to learn its process id."""
    root = tmp_path / "own"
    kafka = settings.kafka.model_copy(update={"bootstrap_servers": "", "embedded_port": 0})
    with kafka_cluster(kafka, str(root)) as cluster:
        port = int(cluster.bootstrap.rpartition(":")[2])
        kafka = settings.kafka.model_copy(update={"bootstrap_servers": cluster.bootstrap, "embedded_port": port})

        def pid() -> int:
            return int(json.loads((root / "kafka" / "broker.json").read_text())["pid"])

        yield settings.model_copy(update={"kafka": kafka, "root": str(root)}), pid


def test_the_broker_is_killed_while_all_run(
    spark: SparkSession, own_broker: tuple[Settings, Callable[[], int]], tmp_path: Path
) -> None:
    settings, broker_pid = own_broker
    producer = Running(settings, tmp_path / "users.log", "producers.users", "--rate", "100", "--dirty", "0.1")
    bronze = Running(settings, tmp_path / "bronze.log", "bronze.ingest", "--trigger", "200ms")
    log = Path(settings.root, "bronze", "events", "_delta_log")
    await_condition(lambda: len(numbered_files(log, ".json")) > 2, "bronze takes batches")
    os.kill(broker_pid(), signal.SIGKILL)
    embedded = settings.kafka.model_copy(update={"bootstrap_servers": ""})
    with kafka_cluster(embedded, settings.root) as again:
        assert again.bootstrap == settings.kafka.bootstrap_servers == f"{LOOPBACK}:{settings.kafka.embedded_port}"
        taken = len(numbered_files(log, ".json"))
        await_condition(lambda: len(numbered_files(log, ".json")) > taken + 2, "bronze goes on")
        assert producer.stop(signal.SIGINT) == 0, producer.said()
        assert ", 0 failed, " in producer.said()
        assert bronze.stop(signal.SIGTERM) == 0, bronze.said()[-2000:]
        expect_undisturbed(spark, settings, tmp_path)
