"""Three Kafka brokers that replicate to each other, on loopback: one may be killed, and the others go on."""

import base64
import os
import shutil
import signal
import subprocess
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from lakehouse.broker.config import java_command, write_config
from lakehouse.broker.process import Broker, launch_broker, retry_on_other_ports, stop_broker
from lakehouse.kafka.client import Cluster

NODES = (1, 2, 3)
_REPLICAS, _IN_SYNC = len(NODES), 2
_REPLICATED = {
    "default.replication.factor": _REPLICAS,
    "min.insync.replicas": _IN_SYNC,
    "offsets.topic.replication.factor": _REPLICAS,
    "transaction.state.log.replication.factor": _REPLICAS,
    "transaction.state.log.min.isr": _IN_SYNC,
    "share.coordinator.state.topic.replication.factor": _REPLICAS,
    "share.coordinator.state.topic.min.isr": _IN_SYNC,
}


class Brokers(NamedTuple):
    """The three processes, each with the folder of its data."""

    processes: dict[Path, Broker]

    @property
    def cluster(self) -> Cluster:
        return Cluster(",".join(broker.cluster.bootstrap for broker in self.processes.values()))

    def kill_one(self) -> None:
        """kill -9 the first, which leads a third of the partitions. It does not come back."""
        os.kill(next(iter(self.processes.values())).pid, signal.SIGKILL)

    def stop(self) -> None:
        """kill -9 them all: the last one would wait 20 s for a vote, and nobody needs their data."""
        for broker in self.processes.values():
            if broker.is_alive():
                os.kill(broker.pid, signal.SIGKILL)
        for folder, broker in self.processes.items():
            stop_broker(broker, folder)


@contextmanager
def three_brokers(folder: Path) -> Iterator[Brokers]:
    """Brokers that are also the controllers: topics have three replicas, and a write needs two of them."""
    brokers = retry_on_other_ports(lambda: _start(folder))
    try:
        yield brokers
    finally:
        brokers.stop()


def _start(folder: Path) -> Brokers:
    shutil.rmtree(folder, ignore_errors=True)  # of a start that lost its port
    ports = {folder / str(node): write_config(folder / str(node), 0) for node in NODES}
    voters, identity = _join(list(ports)), _identity()
    with ThreadPoolExecutor(len(NODES)) as side_by_side:
        for done in side_by_side.map(lambda one: _format(one, identity, voters), ports):
            assert done.returncode == 0, done.stdout
        # a broker answers once two of the three have voted
        starts = {one: side_by_side.submit(launch_broker, one, port, identity) for one, port in ports.items()}
    failure = next(filter(None, (start.exception() for start in starts.values())), None)
    brokers = Brokers({one: start.result() for one, start in starts.items() if not start.exception()})
    if failure:
        brokers.stop()
        raise failure
    return brokers


def _join(folders: list[Path]) -> str:
    """Make the configurations those of one cluster; returns its first voters, for the storage."""
    configurations = [_read(one) for one in folders]
    controllers = [found["listeners"].rpartition("CONTROLLER://")[2] for found in configurations]
    for node, one, found in zip(NODES, folders, configurations, strict=True):
        quorum = {"node.id": node, "controller.quorum.bootstrap.servers": ",".join(controllers)}
        lines = [f"{name}={value}\n" for name, value in {**found, **quorum, **_REPLICATED}.items()]
        (one / "server.properties").write_text("".join(lines), encoding="utf-8")
    voters = zip(NODES, controllers, strict=True)
    return ",".join(f"{node}@{controller}:{_identity()}" for node, controller in voters)


def _read(folder: Path) -> dict[str, str]:
    lines = (folder / "server.properties").read_text(encoding="utf-8").splitlines()
    pairs = [line.partition("=") for line in lines if not line.startswith("#")]
    return {name: value for name, _, value in pairs}


def _format(folder: Path, identity: str, voters: str) -> subprocess.CompletedProcess[str]:
    tool = java_command("kafka.tools.StorageTool", "format", "-c", "server.properties")
    command = [*tool, "--cluster-id", identity, "--initial-controllers", voters]
    return subprocess.run(
        command, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False
    )


def _identity() -> str:
    """A random id in Kafka's format. Its first letter keeps it from being taken for an option."""
    return "A" + base64.urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=")[1:]
