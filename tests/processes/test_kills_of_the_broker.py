"""kill -9 the broker while a producer and a stream run: both resume when it is back, and nothing is lost."""

import json
import os
import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from pyspark.sql import SparkSession

from lakehouse.broker.config import LOOPBACK
from lakehouse.broker.embedded import kafka_cluster
from lakehouse.settings import Settings
from lakehouse.tables import BRONZE_EVENTS
from tests.support.delta_tables import write_rows
from tests.support.processes import TIMEOUT, Running, await_condition
from tests.support.undisturbed import expect_undisturbed, numbered_files


@pytest.fixture
def own_broker(
    settings: Settings, tmp_path: Path, prepared: Callable[[Path], Path]
) -> Iterator[tuple[Settings, Callable[[], int]]]:
    """Settings with a broker that may be killed, on a fixed port, and a function that returns its process id."""
    root = prepared(tmp_path / "own")
    kafka = settings.kafka.model_copy(update={"bootstrap_servers": "", "embedded_port": 0})
    with kafka_cluster(kafka, str(root)) as cluster:
        port = int(cluster.bootstrap.rpartition(":")[2])
        kafka = settings.kafka.model_copy(update={"bootstrap_servers": cluster.bootstrap, "embedded_port": port})

        def pid() -> int:
            return int(json.loads((root / "kafka" / "broker.json").read_text())["pid"])

        yield settings.model_copy(update={"kafka": kafka, "root": str(root)}), pid


def test_the_broker_is_killed_while_all_run(
    spark: SparkSession,
    own_broker: tuple[Settings, Callable[[], int]],
    small_jobs: dict[str, str],
    tmp_path: Path,
) -> None:
    settings, broker_pid = own_broker
    producer = Running(settings, tmp_path / "users.log", "producers.users", "--rate", "100", "--dirty", "0.1")
    command = ("bronze.ingest", "--trigger", "200ms")
    bronze = Running(settings, tmp_path / "bronze.log", *command, variables=small_jobs)
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


def test_bronze_waits_at_its_start_for_the_broker_that_it_knows(settings: Settings, tmp_path: Path) -> None:
    """Before Spark starts: a stream that has never run may have a wrong address, and says so at once."""
    nobody = {"bootstrap_servers": f"{LOOPBACK}:1", "connect_timeout_seconds": 0.5}
    settings = settings.model_copy(update={"kafka": settings.kafka.model_copy(update=nobody)})
    line = f"lakehouse: no Kafka broker answers at {LOOPBACK}:1 within 0.5 s; "
    first = Running(settings, tmp_path / "first.log", "bronze.ingest", "--trigger", "1s")
    assert first.process.wait(TIMEOUT) == 2
    assert first.said().startswith(f"{line}start it, ")
    write_rows(settings.root, BRONZE_EVENTS, [])
    again = Running(settings, tmp_path / "again.log", "bronze.ingest", "--trigger", "1s")
    waits = "".join(f"{line}trying again in {seconds} s\n" for seconds in (1, 2))
    await_condition(lambda: not again.alive() or again.said() == waits, "two waits")
    assert again.stop(signal.SIGTERM) == 0, again.said()
    assert again.said() == waits
