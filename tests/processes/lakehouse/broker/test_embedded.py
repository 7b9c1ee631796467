"""The embedded broker: real, started, shared, killed and restarted."""

import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from kafka import KafkaConsumer, KafkaProducer, TopicPartition

from lakehouse.broker.config import format_storage, write_config
from lakehouse.broker.embedded import kafka_cluster
from lakehouse.broker.process import Broker, launch_broker, process_start, retry_on_other_ports, stop_broker
from lakehouse.errors import BrokerError
from lakehouse.kafka.admin import cluster_id
from lakehouse.kafka.client import Cluster
from lakehouse.kafka.topics import end_offsets, ensure_topics, topic_ids
from lakehouse.settings import KafkaSettings, load_settings
from tests.support.processes import await_condition

TIMEOUT = 20.0

# Another process of the same root: prints the broker's address, and exits when its input ends.
VISITOR = """
import sys
from lakehouse.broker.embedded import kafka_cluster
from lakehouse.kafka.client import Cluster
from lakehouse.settings import load_settings
kafka = load_settings().kafka.model_copy(update={"bootstrap_servers": "", "embedded_port": 0})
with kafka_cluster(kafka, sys.argv[1]) as cluster:
    print(cluster.bootstrap, flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def root(tmp_path: Path, prepared: Callable[[Path], Path]) -> Path:
    """A root whose broker's storage is already formatted."""
    return prepared(tmp_path)


def embedded(port: int = 0) -> KafkaSettings:
    return load_settings().kafka.model_copy(update={"bootstrap_servers": "", "embedded_port": port})


def configured(bootstrap: str, timeout: float) -> KafkaSettings:
    update = {"bootstrap_servers": bootstrap, "connect_timeout_seconds": timeout}
    return load_settings().kafka.model_copy(update=update)


def broker_pid(root: Path) -> int:
    return int(json.loads((root / "kafka" / "broker.json").read_text())["pid"])


@contextmanager
def visitor(root: Path) -> Iterator[tuple[subprocess.Popen[str], str]]:
    command = [sys.executable, "-c", VISITOR, str(root)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        yield process, process.stdout.readline().strip()
        process.communicate(timeout=TIMEOUT)
        assert process.returncode == 0


def send(cluster: Cluster, topic: str, value: bytes) -> None:
    producer = KafkaProducer(**cluster.client_options(), acks="all")
    producer.send(topic, value, partition=1).get(timeout=TIMEOUT)
    producer.close()


def values(cluster: Cluster, topic: str, count: int) -> list[bytes]:
    consumer = KafkaConsumer(
        **cluster.client_options(), auto_offset_reset="earliest", consumer_timeout_ms=int(TIMEOUT * 1000)
    )
    consumer.assign([TopicPartition(topic, 1)])
    found = [next(consumer).value for _ in range(count)]
    consumer.close()
    return found


def make_topic(cluster: Cluster, topic: str) -> None:
    ensure_topics(cluster, [topic], partitions=3, replication_factor=1, timeout_seconds=TIMEOUT)


def test_topic_and_record_survive_a_restart_on_another_port(tmp_path: Path) -> None:
    root = tmp_path / "año, 2"  # a path's accents, commas and spaces do not disturb the broker
    with kafka_cluster(embedded(), str(root)) as cluster:
        make_topic(cluster, "events")
        send(cluster, "events", b"one")
        ids = topic_ids(cluster, ["events", "absent"], timeout_seconds=TIMEOUT)
        assert list(ids) == ["events"]
        pid = broker_pid(root)
    assert process_start(pid) is None
    assert not (root / "kafka" / "broker.json").exists()
    with kafka_cluster(embedded(), str(root)) as again:
        assert again != cluster
        assert topic_ids(again, ["events"], timeout_seconds=TIMEOUT) == ids
        offsets = {("events", 0): (0, 0), ("events", 1): (0, 1), ("events", 2): (0, 0)}
        assert end_offsets(again, ["events", "absent"], timeout_seconds=TIMEOUT) == offsets
        assert values(again, "events", 1) == [b"one"]


def test_a_wanted_port_that_is_taken_is_left_alone(root: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with kafka_cluster(embedded(port), str(root)) as cluster:
            assert cluster.bootstrap != f"127.0.0.1:{port}"
            assert cluster_id(cluster, timeout_seconds=TIMEOUT)


def test_processes_share_the_broker_and_the_last_one_stops_it(root: Path) -> None:
    with kafka_cluster(embedded(), str(root)) as cluster:
        pid = broker_pid(root)
        with visitor(root) as (_, its_bootstrap):
            assert its_bootstrap == cluster.bootstrap
        assert process_start(pid) is not None  # the visitor has left, this process has not
        lasting = visitor(root)
        lasting.__enter__()
    assert broker_pid(root) == pid
    assert cluster_id(cluster, timeout_seconds=TIMEOUT)  # this process has left the broker, and it still runs
    lasting.__exit__(None, None, None)
    assert process_start(pid) is None


def test_processes_that_start_at_once_start_one_broker(root: Path) -> None:
    command, pipe = [sys.executable, "-c", VISITOR, str(root)], subprocess.PIPE
    processes = [subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True) for _ in range(2)]
    found = {process.stdout.readline() for process in processes if process.stdout}
    assert len(found) == 1
    pid = broker_pid(root)
    for process in processes:
        process.communicate(timeout=TIMEOUT)
    assert [process.returncode for process in processes] == [0, 0]
    assert process_start(pid) is None


@pytest.mark.parametrize("listener", ["BROKER", "CONTROLLER"])
def test_a_port_that_is_taken_while_the_broker_starts_is_another_one_then(listener: str, root: Path) -> None:
    folder = root / "kafka"
    with socket.create_server(("127.0.0.1", 0)) as taken:
        chosen, config = [], folder / "server.properties"

        def start() -> Broker:
            chosen.append(write_config(folder, 0))
            if len(chosen) == 1:  # the port that write_config found free is now taken
                text = config.read_text()
                address = re.search(rf"{listener}://(\S+?:\d+)", text)[1]
                config.write_text(text.replace(address, f"127.0.0.1:{taken.getsockname()[1]}"))
            return launch_broker(folder, chosen[-1], format_storage(folder))

        broker = retry_on_other_ports(start)
        stop_broker(broker, folder)
    assert broker.port == chosen[1]
    assert len(chosen) == 2


def test_a_broker_that_may_never_listen_says_so(root: Path) -> None:
    folder = root / "kafka"

    def start() -> Broker:
        port = write_config(folder, 0)
        config = folder / "server.properties"
        config.write_text(config.read_text().replace(f"127.0.0.1:{port}", f"192.0.2.1:{port}"))
        return launch_broker(folder, port, format_storage(folder))

    with pytest.raises(BrokerError, match=r"failed to bind to 192\.0\.2\.1:\d+: Cannot assign"):
        retry_on_other_ports(start)


def test_a_killed_broker_comes_back_with_its_data(root: Path) -> None:
    with kafka_cluster(embedded(), str(root)) as cluster:
        make_topic(cluster, "events")
        send(cluster, "events", b"before")
        pid = broker_pid(root)
        os.kill(pid, signal.SIGKILL)
        await_condition(lambda: process_start(pid) is None, "the broker dies")
        with kafka_cluster(embedded(), str(root)) as again:  # broker.json still names the dead broker
            send(again, "events", b"after")
            assert values(again, "events", 2) == [b"before", b"after"]
        new_pid = broker_pid(root)  # the outer context still uses the broker
    assert process_start(new_pid) is None


def test_a_broker_whose_users_were_killed_is_taken_over(root: Path) -> None:
    with pytest.raises(AssertionError), visitor(root) as (process, bootstrap):
        process.kill()  # its exit code is not 0
    pid = broker_pid(root)
    assert process_start(pid) is not None
    with kafka_cluster(embedded(), str(root)) as again:
        assert again == Cluster(bootstrap)
    assert process_start(pid) is None


def test_somebody_elses_broker_at_the_wanted_port_is_used_and_never_stopped(
    broker: Cluster, tmp_path: Path
) -> None:
    port = int(broker.bootstrap.rpartition(":")[2])
    with kafka_cluster(embedded(port), str(tmp_path)) as cluster:
        assert cluster == broker
        assert not (tmp_path / "kafka" / "broker.json").exists()
    assert cluster_id(broker, timeout_seconds=TIMEOUT)


def test_a_configured_cluster_is_used(broker: Cluster, tmp_path: Path) -> None:
    with kafka_cluster(configured(broker.bootstrap, 5), str(tmp_path)) as cluster:
        assert cluster == broker
    assert not list(tmp_path.iterdir())


def test_a_configured_address_without_a_broker_is_one_line_in_time(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:  # listens, but does not speak Kafka
        address = f"127.0.0.1:{silent.getsockname()[1]}"
        began = time.monotonic()
        with pytest.raises(BrokerError) as error, kafka_cluster(configured(address, 1), str(tmp_path)):
            pass
    assert time.monotonic() - began < 3
    assert str(error.value) == (
        f"no Kafka broker answers at {address} within 1 s; "
        "start it, or leave kafka.bootstrap_servers empty for the embedded one"
    )
    assert capfd.readouterr() == ("", "")


def test_nothing_listens_beyond_loopback(broker: Cluster) -> None:
    port = int(broker.bootstrap.rpartition(":")[2])
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as route:
        route.connect(("192.0.2.1", 9))  # sends nothing: it only asks for the outward-facing address
        outward = route.getsockname()[0]
    if outward.startswith("127."):
        pytest.skip("this machine has no address but loopback")
    with socket.socket() as probe:
        assert probe.connect_ex((outward, port)) != 0


def test_creating_topics_leaves_existing_ones_alone(broker: Cluster) -> None:
    ensure_topics(broker, ["kept"], partitions=1, replication_factor=1, timeout_seconds=TIMEOUT)
    ensure_topics(broker, ["kept", "new"], partitions=2, replication_factor=1, timeout_seconds=TIMEOUT)
    offsets = end_offsets(broker, ["kept", "new"], timeout_seconds=TIMEOUT)
    assert sorted(offsets) == [("kept", 0), ("new", 0), ("new", 1)]


def test_a_topic_that_cannot_be_made_is_one_line(broker: Cluster) -> None:
    with pytest.raises(BrokerError, match=r"did not create triple \(.*replication factor") as error:
        ensure_topics(broker, ["triple"], partitions=1, replication_factor=3, timeout_seconds=TIMEOUT)
    assert "\n" not in str(error.value)


def test_a_broker_that_dies_says_why(tmp_path: Path) -> None:
    meta = tmp_path / "kafka" / "data" / "meta.properties"
    meta.parent.mkdir(parents=True)
    meta.write_text("version=1\ncluster.id=abc\nnode.id=7\n")  # another node's data
    with pytest.raises(BrokerError, match=r"ended while starting: .*Stored node id 7") as error:
        kafka_cluster(embedded(), str(tmp_path)).__enter__()
    assert str(tmp_path / "kafka" / "logs" / "server.log") in error.value.todo
    assert not (tmp_path / "kafka" / "broker.json").exists()


@pytest.mark.parametrize("root", ["s3a://bucket/lakehouse", "abfss://c@a.dfs.core.windows.net/x"])
def test_an_object_store_needs_a_configured_cluster(root: str) -> None:
    with pytest.raises(BrokerError, match=r"set kafka\.bootstrap_servers"):
        kafka_cluster(embedded(), root).__enter__()


def test_a_root_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("no folder")
    with pytest.raises(BrokerError, match=r"cannot write to .*file"):
        kafka_cluster(embedded(), str(tmp_path / "file")).__enter__()
