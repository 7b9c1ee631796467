"""`lakehouse up` as a user runs it: Ctrl-C stops it cleanly without losses; a part that dies stops everything."""

import os
import re
import signal
import time
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest
from pyspark.sql import SparkSession

from bronze.ingest import ingest
from lakehouse.broker.embedded import kafka_cluster, own_broker
from lakehouse.kafka.client import configured_cluster
from lakehouse.kafka.topics import ensure_topics
from lakehouse.lakehouse import Lakehouse
from lakehouse.settings import Settings, load_settings
from lakehouse.spark.lakehouse import SparkLakehouse
from lakehouse.tables import GOLD_POPULARITY, SILVER_CONTENT
from operations import cli
from operations.commands.audit import audit
from operations.commands.status import look
from operations.live import streams
from operations.live.streams import LiveGold
from operations.pipeline.steps import STEPS
from producers.made_up.activity import feedback_records
from producers.made_up.entities import movie_records, user_records
from producers.sending.delivery import publish
from silver.refine import refine
from tests.support.monitored import families, free_port, scrape, used_names, values
from tests.support.outcome import Command
from tests.support.processes import TIMEOUT, Running, await_condition
from tests.support.sending import send_all
from tests.support.small import with_small_demo


@pytest.fixture
def embedded(tmp_path: Path, prepared: Callable[[Path], Path]) -> Settings:
    """A small lakehouse with its own embedded broker."""
    base = with_small_demo(load_settings())
    kafka = base.kafka.model_copy(update={"embedded_port": 0})
    up = base.up.model_copy(update={"trigger_seconds": 1.0, "maintain_every_hours": 0.001})
    root = prepared(tmp_path / "lakehouse")
    return base.model_copy(update={"root": str(root), "kafka": kafka, "up": up})


def start(settings: Settings, log: Path, variables: Mapping[str, str]) -> Running:
    """A real `lakehouse up` whose first stream has finished a batch."""
    command = ("operations.cli", "up", "--rate", "20", "--gold-every", "1h")
    live = Running(settings, log, *command, variables=variables)
    landed = re.compile(r"; bronze [1-9]")
    try:
        await_condition(lambda: not live.alive() or bool(landed.search(live.said())), "bronze", every=0.2)
        assert live.alive(), live.said()
    except BaseException:
        live.kill()
        raise
    return live


def test_a_dead_broker_ends_the_whole_and_ctrl_c_ends_it_in_order(
    embedded: Settings, small_jobs: dict[str, str], tmp_path: Path
) -> None:
    """Twice on one lakehouse: first killed midway, then stopped by a user. Nothing is lost either time."""
    killed = start(embedded, tmp_path / "killed.log", small_jobs)
    broker = own_broker(embedded.kafka, embedded.root)
    assert broker is not None
    os.kill(broker.pid, signal.SIGKILL)
    code = killed.process.wait(TIMEOUT)
    assert killed.said().splitlines()[-1] == (
        f"lakehouse: the embedded Kafka broker, process {broker.pid}, has ended; see kafka/logs/server.log under "
        "the root; no confirmed record is lost"
    )
    assert code == 2

    port = free_port()
    metrics = embedded.metrics.model_copy(update={"port": port})
    live = start(embedded.model_copy(update={"metrics": metrics}), tmp_path / "live.log", small_jobs)
    scraped = families(scrape(port))
    await_condition(lambda: not live.alive() or "maintenance freed" in live.said(), "a maintenance", every=0.2)
    code = live.stop(signal.SIGINT)
    said = live.said()
    assert (code, "Traceback" in said) == (0, False), said
    steps = [line.removeprefix("stopping: ") for line in said.splitlines() if line.startswith("stopping: ")]
    assert "the streams process what is left in Kafka" in steps
    delivered = [int(number.replace(",", "")) for number in re.findall(r"([\d,]+) delivered, 0 failed", said)]
    assert len(delivered) == 4, said
    assert "delay 0.0 s (0 records in Kafka) + 0.0 s (0 rows of bronze)" in said.splitlines()[-1]
    assert own_broker(embedded.kafka, embedded.root) is None  # nobody else used it
    assert used_names() <= scraped.keys()
    assert set(values(scraped["lakehouse_scrape_success"]).values()) == {1.0}
    partitions_read = values(scraped["lakehouse_kafka_lag_records"])
    assert len(partitions_read) == len(embedded.kafka.topics) * embedded.kafka.partitions
    assert sum(values(scraped["lakehouse_stream_rows_total"]).values()) > 0

    with kafka_cluster(embedded.kafka, embedded.root) as cluster:
        partitions, totals, faults = audit(embedded, cluster)
        waiting = look(embedded.root, embedded.kafka)
    assert faults == []
    assert sum(partition.unread + partition.unrefined for partition in partitions) == 0
    # the first run could no longer report what was delivered: its rows are there in addition to the second run's
    assert totals.rows_in == sum(partition.bronze for partition in partitions) > sum(delivered)
    assert totals.quarantined > 0
    assert [backlog.records for backlog in waiting.bronze.values()] == [0, 0]


def test_without_producers_it_takes_what_others_have_sent(embedded: Settings, command: Command) -> None:
    with kafka_cluster(embedded.kafka, embedded.root) as cluster:
        ensure_topics(cluster, embedded.kafka.topics, **embedded.kafka.new_topics)
        publish(movie_records(1, 20), topic=embedded.kafka.movies_topic, cluster=cluster).require_complete(
            "others"
        )
        outcome = command("up", "--no-producers", "--for", "1s", settings=embedded)
    assert outcome.code == 0, outcome.err
    last = (outcome.out + outcome.err).splitlines()[-1]
    assert re.search(r" s  bronze 20 .* silver 20 .*gold waiting for silver", last), outcome
    assert "delivered" not in outcome.out + outcome.err
    assert Lakehouse(embedded.root).read(SILVER_CONTENT, columns=["id"]).num_rows == 20


def test_gold_is_made_when_silver_has_made_a_batch_and_a_run_that_has_begun_ends(
    spark: SparkSession, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its first steps: all of them run in every demo, and in `up` above."""
    first = [step for step in STEPS if step.name in ("gate: check silver", "gold: popularity")]
    monkeypatch.setattr(streams, "STEPS", first)
    kafka, cluster = settings.kafka, configured_cluster(settings.kafka)
    gold = LiveGold(spark, settings, cluster, every_seconds=3600.0)
    assert gold.state(time.monotonic()) == "waiting for silver"
    send_all(
        kafka,
        (kafka.users_topic, user_records(1, 10)),
        (kafka.movies_topic, movie_records(1, 20)),
        (kafka.feedback_topic, feedback_records(1, 40, users=10, movies=20, series=1)),
    )
    ingest(spark, settings, cluster)
    refine(spark, settings)
    await_condition(lambda: bool(gold.step) or gold.worker.ended(), "the first step")
    assert gold.began is not None
    assert gold.state(gold.began).startswith("run 1 for 0 s: ")
    gold.finish()
    assert gold.worker.join(TIMEOUT)
    assert (gold.runs, gold.worker.failure) == (1, None)
    assert gold.ended is not None
    assert gold.state(gold.ended).startswith("run 1 ended 0 s ago and took ")
    assert SparkLakehouse(settings.root, spark).read(GOLD_POPULARITY).count() > 0


def test_gold_that_is_stopped_waits_no_longer(spark: SparkSession, settings: Settings) -> None:
    gold = LiveGold(spark, settings, configured_cluster(settings.kafka), every_seconds=3600.0)
    gold.stop(wait_seconds=TIMEOUT)
    assert gold.worker.ended()
    assert (gold.runs, gold.worker.failure) == (0, None)


@pytest.mark.parametrize(
    "arguments", [("--for", "0s"), ("--for", "soon"), ("--rate", "0"), ("--rate", "inf"), ("--gold-every", "5")]
)
def test_a_wrong_argument_is_named(arguments: tuple[str, str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        cli.main(["up", *arguments])
    assert ended.value.code == 2
    assert repr(arguments[1]) in capsys.readouterr().err


def test_a_rate_needs_producers(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        cli.main(["up", "--no-producers", "--rate", "20"])
    assert ended.value.code == 2
    assert "--rate: not allowed with argument --no-producers" in capsys.readouterr().err
