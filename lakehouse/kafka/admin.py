"""A short-lived admin connection to a Kafka cluster; every failure becomes one BrokerError."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager

from kafka.admin import KafkaAdminClient
from kafka.errors import KafkaError

from lakehouse.errors import BrokerError, NoBrokerError, first_line
from lakehouse.kafka.client import Cluster
from lakehouse.kafka.connection import advertised_error

_BACKOFF_MS = {"reconnect_backoff_ms": 20, "reconnect_backoff_max_ms": 200}


@contextmanager
def kafka_admin(cluster: Cluster, *, timeout_seconds: float) -> Iterator[KafkaAdminClient]:
    """A client that has completed a handshake with the cluster. Raises BrokerError if none answers in time."""
    with quiet_client_log():
        client = _connect(cluster, timeout_seconds)
        try:
            yield client
        except (KafkaError, OSError) as error:
            kind = NoBrokerError if isinstance(error, OSError) or error.retriable else BrokerError
            raise advertised_error(cluster.bootstrap, client, error) or kind(
                f"the Kafka cluster at {cluster.bootstrap} answered with an error: {reason(error)}"
            ) from error
        finally:
            client.close()


def cluster_id(cluster: Cluster, *, timeout_seconds: float) -> str:
    """The id of the cluster that answers at that address. Raises BrokerError if none does."""
    with kafka_admin(cluster, timeout_seconds=timeout_seconds) as client:
        return str(client.describe_cluster()["cluster_id"])


def reason(error: BaseException) -> str:
    """A Kafka error's name and message, without the bytes of the request."""
    return f"{type(error).__name__} {first_line(error)}"[:200]


def _connect(cluster: Cluster, timeout_seconds: float) -> KafkaAdminClient:
    milliseconds = max(1, round(timeout_seconds * 1000))
    options = cluster.client_options()
    try:
        return KafkaAdminClient(
            bootstrap_timeout_ms=milliseconds, request_timeout_ms=milliseconds, **_BACKOFF_MS, **options
        )
    except (KafkaError, OSError, ValueError) as error:
        raise cluster.connect_error(error, timeout_seconds) from error


@contextmanager
def quiet_client_log() -> Iterator[None]:
    """Keep kafka-python from logging each attempt in the block as an error: the BrokerError reports it once."""
    log = logging.getLogger("kafka")
    level = log.level
    log.setLevel(logging.CRITICAL + 1)
    try:
        yield
    finally:
        log.setLevel(level)
