"""A Kafka cluster to work with: the configured one, or an embedded broker shared by all processes of this root."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from lakehouse.broker.config import LOOPBACK, is_free
from lakehouse.broker.process import Broker, await_broker, recorded_broker, start_broker, stop_broker
from lakehouse.errors import BrokerError
from lakehouse.kafka.admin import cluster_id
from lakehouse.kafka.client import Cluster, configured_cluster
from lakehouse.locks import lock_shared, locked, open_lock, try_alone
from lakehouse.settings import KafkaSettings

_FOREIGN_SECONDS = 2.0


@contextmanager
def kafka_cluster(kafka: KafkaSettings, root: str) -> Iterator[Cluster]:
    """A cluster that answers for as long as the context lasts.

    With kafka.bootstrap_servers set, it is always that cluster. Otherwise it is this root's embedded broker:
    the first process starts it, the last one to leave stops it. Raises BrokerError if none answers.
    """
    if kafka.bootstrap_servers:
        cluster = configured_cluster(kafka)
        cluster_id(cluster, timeout_seconds=kafka.connect_timeout_seconds)
        yield cluster
        return
    folder = _folder(root)
    with locked(folder / "start.lock"):
        broker = _working_broker(folder)
        if broker is None and _foreign_broker(kafka.embedded_port):
            cluster, users = Cluster(f"{LOOPBACK}:{kafka.embedded_port}"), None
        else:
            broker = broker or start_broker(folder, kafka.embedded_port)
            cluster, users = broker.cluster, _join(folder)
    try:
        yield cluster
    finally:
        if users is not None:
            _leave(folder, users)


def own_broker(kafka: KafkaSettings, root: str) -> Broker | None:
    """This root's embedded broker if it is running; None if a configured or somebody else's cluster is used."""
    return None if kafka.bootstrap_servers or "://" in root else recorded_broker(Path(root) / "kafka")


def running_cluster(kafka: KafkaSettings, root: str) -> Cluster | None:
    """The cluster that `kafka_cluster` would use without starting one; None if it would have to start one.

    Does not check whether a configured cluster answers.
    """
    if kafka.bootstrap_servers:
        return configured_cluster(kafka)
    broker = own_broker(kafka, root)
    if broker is not None:
        return broker.cluster
    return Cluster(f"{LOOPBACK}:{kafka.embedded_port}") if _foreign_broker(kafka.embedded_port) else None


def _folder(root: str) -> Path:
    if "://" in root:
        raise BrokerError(
            f"the embedded Kafka broker needs a local folder for its data, but the root is {root}",
            todo="set kafka.bootstrap_servers to a cluster",
        )
    folder = Path(root) / "kafka"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        os.close(open_lock(folder / "start.lock"))
    except OSError as error:
        raise BrokerError(
            f"the embedded Kafka broker cannot write to {folder}: {error.strerror}",
            todo="make it writable or set LAKEHOUSE_ROOT to another folder",
        ) from error
    return folder


def _working_broker(folder: Path) -> Broker | None:
    """The broker that an earlier process of this root left running, if it works."""
    broker = recorded_broker(folder)
    if broker is None or broker.answers():
        return broker
    # it outlived its starter (or start.lock would be taken): it is still starting, or it hangs
    try:
        await_broker(broker, folder)
    except BrokerError:
        stop_broker(broker, folder)
        return None
    return broker


def _foreign_broker(port: int) -> bool:
    """Whether somebody else's Kafka answers at the embedded port. We use it and never stop it."""
    if port == 0 or is_free(port):
        return False
    try:
        cluster_id(Cluster(f"{LOOPBACK}:{port}"), timeout_seconds=_FOREIGN_SECONDS)
    except BrokerError:
        return False
    return True


def _join(folder: Path) -> int:
    users = open_lock(folder / "users.lock")
    lock_shared(users)
    return users


def _leave(folder: Path, users: int) -> None:
    """Give up our share; the last process to leave stops the broker. start.lock keeps newcomers out meanwhile."""
    with locked(folder / "start.lock"):
        try:
            if try_alone(users):
                broker = recorded_broker(folder)
                if broker is not None:
                    stop_broker(broker, folder)
        finally:
            os.close(users)
