"""`lakehouse up` as a person runs it: Ctrl-C ends it in order, losing nothing; a part that dies ends the whole."""

import argparse
import os
import re
import signal
import threading
from contextlib import nullcontext
from pathlib import Path

import pytest
from pyspark.sql import SparkSession

from lakehouse import cli, storage
from lakehouse.broker import kafka_cluster, own_broker
from lakehouse.commands import up
from lakehouse.commands.audit import audit
from lakehouse.commands.status import look
from lakehouse.errors import BrokerError
from lakehouse.settings import Settings, load_settings
from lakehouse.tables import BRONZE_EVENTS, BRONZE_FEEDBACK, SILVER_BATCHES
from tests.e2e.processes import Running, await_condition

SMALL = {
    "LAKEHOUSE_DEMO__USERS": "40",
    "LAKEHOUSE_DEMO__TITLES": "60",
    "LAKEHOUSE_DEMO__DIRTY": "0.1",
    "LAKEHOUSE_KAFKA__PARTITIONS": "1",
    "LAKEHOUSE_GOLD__ALS__ITERATIONS": "2",
    "LAKEHOUSE_UP__TRIGGER_SECONDS": "1",
}


@pytest.fixture
def embedded(tmp_path: Path) -> Settings:
    """A lakehouse with an embedded broker of its own."""
    base = load_settings()
    kafka = base.kafka.model_copy(update={"bootstrap_servers": "", "embedded_port": 0, "partitions": 1})
    demo = base.demo.model_copy(update={"users": 40, "titles": 60})
    changes = {"root": str(tmp_path / "lakehouse"), "kafka": kafka, "demo": demo}
    return base.model_copy(update=changes)


def rows(spark: SparkSession, settings: Settings) -> int:
    return sum(storage.read(spark, settings.root, table).count() for table in (BRONZE_EVENTS, BRONZE_FEEDBACK))


def test_ctrl_c_ends_all_in_order_and_nothing_is_lost(
    spark: SparkSession, embedded: Settings, tmp_path: Path
) -> None:
    command = ("lakehouse.cli", "up", "--rate", "40", "--gold-every", "1h")
    live = Running(embedded, tmp_path / "up.log", *command, variables=SMALL)
    try:
        refined = re.compile(r"; silver [1-9]")
        await_condition(lambda: not live.alive() or bool(refined.search(live.said())), "silver", every=0.2)
        assert live.alive(), live.said()
        code = live.stop(signal.SIGINT)
    finally:
        if live.alive():
            live.kill()
    said = live.said()
    assert code == 0, said
    assert "Traceback" not in said
    # what the producers were told is confirmed is what bronze and silver hold
    delivered = [int(number.replace(",", "")) for number in re.findall(r"([\d,]+) delivered, 0 failed", said)]
    assert len(delivered) == 4, said
    assert "delay 0.0 s (0 records in Kafka) + 0.0 s (0 rows of bronze)" in said.splitlines()[-1]
    assert own_broker(embedded.kafka, embedded.root) is None  # nobody else used it
    assert sum(delivered) == rows(spark, embedded)
    with kafka_cluster(embedded.kafka, embedded.root) as cluster:
        partitions, totals, faults = audit(spark, embedded, cluster)
        waiting = look(embedded.root, embedded.kafka)
    assert faults == []
    assert sum(partition.unread + partition.unrefined for partition in partitions) == 0
    assert totals.rows_in == sum(delivered)
    assert totals.quarantined > 0
    assert [backlog.records for backlog in waiting.bronze.values()] == [0, 0]


def kill_broker(spark: SparkSession, settings: Settings, killed: list[int]) -> None:
    """Once both streams have begun."""
    await_condition(lambda: storage.exists(spark, settings.root, SILVER_BATCHES), "silver", every=0.2)
    broker = own_broker(settings.kafka, settings.root)
    assert broker is not None
    os.kill(broker.pid, signal.SIGKILL)
    killed.append(broker.pid)


def test_a_broker_that_dies_ends_the_whole_and_the_next_start_goes_on(
    spark: SparkSession, embedded: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(up, "spark_session", lambda *_, **__: nullcontext(spark))
    monkeypatch.setattr(up, "load_settings", lambda: embedded)
    arguments = argparse.Namespace(seconds=None, gold_every=3600.0, rate=40.0)
    killed: list[int] = []
    killer = threading.Thread(target=kill_broker, args=(spark, embedded, killed))
    killer.start()
    with pytest.raises(BrokerError) as error:
        up.run(arguments)
    killer.join()
    assert str(error.value).startswith(f"the embedded Kafka broker, process {killed[0]}, has ended; ")
    # with a broker again, and a time to end at
    arguments.seconds = 1.0
    assert up.run(arguments) == 0
    with kafka_cluster(embedded.kafka, embedded.root) as cluster:
        partitions, _, faults = audit(spark, embedded, cluster)
    assert faults == []
    assert sum(partition.unread + partition.unrefined for partition in partitions) == 0


@pytest.mark.parametrize(
    "arguments", [("--for", "0s"), ("--for", "soon"), ("--rate", "0"), ("--gold-every", "-1m")]
)
def test_a_wrong_argument_is_named(arguments: tuple[str, str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        cli.main(["up", *arguments])
    assert ended.value.code == 2
    assert repr(arguments[1]) in capsys.readouterr().err
