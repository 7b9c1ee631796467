"""A broker that answers at the configured address but advertises an address where nobody answers."""

import io
import json
import re
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from lakehouse.broker.config import java_command, write_config
from lakehouse.errors import BrokerError
from lakehouse.kafka.client import Cluster
from lakehouse.kafka.topics import end_offsets, ensure_topics
from lakehouse.settings import Settings, load_settings
from operations import cli
from operations.commands import doctor
from tests.support.outcome import Outcome
from tests.support.processes import await_condition


def called(arguments: list[str], settings: Settings) -> Outcome:
    out, err = io.StringIO(), io.StringIO()
    code = cli.main(arguments, settings=settings, stdout=out, stderr=err)
    return Outcome(code, out.getvalue(), err.getvalue())


@contextmanager
def broker_advertising(folder: Path, address: str) -> Iterator[Cluster]:
    """A broker on the folder's formatted data. Its log says when it is ready: none of our clients could tell."""
    port = write_config(folder, 0)
    config = folder / "server.properties"
    text = config.read_text(encoding="utf-8")
    text = re.sub(r"(advertised\.listeners=BROKER://)[^,]+", rf"\g<1>{address}", text)
    config.write_text(text, encoding="utf-8")
    log = folder / "logs" / "server.log"
    command = java_command("kafka.Kafka", "server.properties")
    with subprocess.Popen(command, cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        try:
            await_condition(
                lambda: log.exists() and "Kafka Server started" in log.read_text(encoding="utf-8"),
                "the broker starts",
                timeout=60,
            )
            yield Cluster(f"127.0.0.1:{port}")
        finally:
            process.terminate()


@pytest.mark.parametrize(
    ("address", "why"),
    [("nowhere.invalid:9092", "the name cannot be resolved"), ("127.0.0.1:1", "connection refused")],
)
def test_the_address_that_the_broker_advertises_is_named(
    prepared: Callable[[Path], Path], tmp_path: Path, address: str, why: str
) -> None:
    folder = prepared(tmp_path / "other") / "kafka"
    with broker_advertising(folder, address) as cluster:
        update = {"bootstrap_servers": cluster.bootstrap, "connect_timeout_seconds": 5.0}
        base = load_settings()
        kafka = base.kafka.model_copy(update=update)
        settings = base.model_copy(update={"root": str(tmp_path / "root"), "kafka": kafka})
        message = f"the Kafka broker at {cluster.bootstrap} answers, but sends clients to {address} ({why}"
        for ask in (
            lambda: end_offsets(cluster, ["a"], timeout_seconds=5),
            lambda: ensure_topics(cluster, ["a"], partitions=1, replication_factor=1, timeout_seconds=5),
        ):
            with pytest.raises(BrokerError) as error:
                ask()
            assert str(error.value).startswith(message)
            assert error.value.todo.startswith("correct the broker's advertised.listeners")
        for arguments in (["status"], ["status", "--json"], ["audit"], ["run", "--select", "bronze"]):
            code, out, err = called(arguments, settings)
            assert code == 2
            assert err.startswith(f"lakehouse: {message}")
            assert err.count("\n") == 1
            if "--json" in arguments:
                behind = json.loads(out)["behind"]["bronze.events"]
                assert behind["records"] is None
                assert behind["unknown"].startswith(message)
            elif arguments == ["status"]:
                assert "silver.users" in out
                assert address in out
        [finding] = doctor.kafka_findings(kafka)
        assert finding.status == "missing"
        assert finding.found.startswith(message)
        # without a configured cluster, such a broker at the embedded port is not used, and doctor says why
        port = int(cluster.bootstrap.rpartition(":")[2])
        [finding] = doctor.kafka_findings(
            kafka.model_copy(update={"bootstrap_servers": "", "embedded_port": port})
        )
        assert finding.status == "note"
        assert finding.found.startswith(message)


def test_status_ends_with_2_where_a_configured_cluster_does_not_answer(tmp_path: Path) -> None:
    base = load_settings()
    kafka = base.kafka.model_copy(update={"bootstrap_servers": "127.0.0.1:1", "connect_timeout_seconds": 0.5})
    code, out, err = called(["status"], base.model_copy(update={"root": str(tmp_path), "kafka": kafka}))
    assert (code, err.count("\n")) == (2, 1)
    assert err.startswith("lakehouse: no Kafka broker answers at 127.0.0.1:1 within 0.5 s; ")
    assert "silver.users" in out
