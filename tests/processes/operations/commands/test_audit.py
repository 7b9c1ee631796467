"""`lakehouse audit` as its own process: without Java while a broker runs, and with the embedded one."""

import json
import re
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from deltalake import DeltaTable

from lakehouse.broker.embedded import own_broker
from lakehouse.kafka.client import configured_cluster
from lakehouse.kafka.topics import ensure_topics
from lakehouse.settings import Settings
from lakehouse.tables import BRONZE_EVENTS
from operations.audit.ledger import Totals
from producers.made_up.entities import user_records
from producers.sending.delivery import publish
from tests.support.ledgers import write_checkpoint, write_sound
from tests.support.processes import BIN, TIMEOUT, environment

NO_JAVA = {"PATH": "", "JAVA_HOME": "", "https_proxy": "http://127.0.0.1:1"}


def run(settings: Settings, *arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [BIN / "lakehouse", "audit", *arguments],
        env=environment(settings) | variables,
        capture_output=True,
        text=True,
        timeout=TIMEOUT,
        check=False,
    )


@pytest.fixture
def no_java(tmp_path: Path) -> dict[str, str]:
    """Variables of a machine that has no Java and cannot download one."""
    return {**NO_JAVA, "CJDK_CACHE_DIR": str(tmp_path / "cjdk")}


def test_it_needs_only_a_broker(settings: Settings, no_java: dict[str, str]) -> None:
    """A record that Kafka has and bronze lacks is found; what Kafka has not yet given is none."""
    topic, cluster = settings.kafka.users_topic, configured_cluster(settings.kafka)
    ensure_topics(cluster, settings.kafka.topics, **settings.kafka.new_topics | {"partitions": 1})
    publish(user_records(1, 75), topic=topic, cluster=cluster).require_complete(topic)
    write_sound(Path(settings.root), topic=topic)
    write_checkpoint(Path(settings.root), BRONZE_EVENTS, 70, topic=topic)
    done = run(settings, "--json", **no_java)
    assert (done.returncode, done.stderr) == (0, "")
    found = json.loads(done.stdout)
    [users] = [part for part in found["partitions"] if part["topic"] == topic]
    assert found["ok"]
    assert (users["kafka_next"], users["bronze"], users["unread"], users["refined"]) == (75, 70, 5, 70)
    DeltaTable(f"{settings.root}/bronze/events").delete('"offset" = 40')
    done = run(settings, **no_java)
    assert done.returncode == 1
    assert f"FAULT  {topic}-0: 1 records that Kafka has are missing in bronze: 40\n" in done.stdout
    assert done.stdout.endswith("3 faults\n")  # and silver has read a record that bronze lacks


@pytest.fixture
def embedded(settings: Settings) -> Settings:
    """The settings with a broker of their own, which nobody has started."""
    kafka = settings.kafka.model_copy(update={"bootstrap_servers": "", "embedded_port": 0})
    return settings.model_copy(update={"kafka": kafka})


def test_without_java_and_without_a_broker_it_is_one_line(embedded: Settings, no_java: dict[str, str]) -> None:
    done = run(embedded, **no_java)
    assert (done.returncode, done.stdout) == (2, "")
    expected = r"lakehouse: no Kafka broker runs, and the embedded one cannot start: no Java [\d, ]+ found .*"
    said = done.stderr.splitlines()
    assert said[0] == "no Kafka broker runs: starting the embedded one"
    assert re.fullmatch(expected, said[1]), said
    assert "set kafka.bootstrap_servers to a cluster, or install one" in said[1]
    assert len(said) == 2


def test_the_start_of_the_embedded_broker_is_said(embedded: Settings, prepared: Callable[[Path], Path]) -> None:
    prepared(Path(embedded.root))
    done = run(embedded, "--json")
    assert done.returncode == 0
    assert re.fullmatch(
        r"no Kafka broker runs: starting the embedded one\nit answered after \d+\.\d s\n", done.stderr
    )
    nothing = dict.fromkeys(Totals._fields, 0)
    assert json.loads(done.stdout) == {
        "ok": True,
        "partitions": [],
        "removed_before": {},
        "silver": nothing,
        "faults": [],
    }
    assert own_broker(embedded.kafka, embedded.root) is None  # nobody else used it
