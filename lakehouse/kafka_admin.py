"""A short-lived administrative connection to a Kafka cluster, whose failures are one BrokerError."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from kafka.admin import KafkaAdminClient
from kafka.errors import KafkaError
from kafka.net.compat import KafkaNetClient

from lakehouse.errors import BrokerError, first_line

_BACKOFF_MS = {"reconnect_backoff_ms": 20, "reconnect_backoff_max_ms": 200}


@contextmanager
def kafka_admin(bootstrap: str, *, timeout_seconds: float) -> Iterator[KafkaAdminClient]:
    """A client that has shaken hands with the cluster. Raises BrokerError where none answers in time."""
    with _quiet_client_log():
        client = _connect(bootstrap, timeout_seconds)
        try:
            yield client
        except (KafkaError, OSError) as error:
            raise BrokerError(
                f"the Kafka cluster at {bootstrap} answered with an error: {reason(error)}"
            ) from error
        finally:
            client.close()


def cluster_id(bootstrap: str, *, timeout_seconds: float) -> str:
    """The id of the cluster that answers at that address. Raises BrokerError where none does."""
    with kafka_admin(bootstrap, timeout_seconds=timeout_seconds) as client:
        return str(client.describe_cluster()["cluster_id"])


def reason(error: BaseException) -> str:
    """What a Kafka error is called and says, without the bytes of the request."""
    return f"{type(error).__name__} {first_line(error)}"[:200]


def _connect(bootstrap: str, timeout_seconds: float) -> KafkaAdminClient:
    started: list[Any] = []

    def net_client(**configs: Any) -> Any:
        started.append(KafkaNetClient(**configs))
        return started[-1]

    milliseconds = max(1, round(timeout_seconds * 1000))
    try:
        return KafkaAdminClient(
            bootstrap_servers=[server.strip() for server in bootstrap.split(",")],
            bootstrap_timeout_ms=milliseconds,
            request_timeout_ms=milliseconds,
            kafka_client=net_client,
            **_BACKOFF_MS,
        )
    except (KafkaError, OSError, ValueError) as error:
        # kafka-python leaves the connection's thread running when its constructor fails
        for client in started:
            client.close()
            client._net.stop()
        raise BrokerError(
            f"no Kafka broker answers at {bootstrap} within {timeout_seconds:g} s",
            todo="start it, or leave kafka.bootstrap_servers empty for the embedded one",
        ) from error


@contextmanager
def _quiet_client_log() -> Iterator[None]:
    """kafka-python logs each attempt as an error; the BrokerError says it once."""
    log = logging.getLogger("kafka")
    level = log.level
    log.setLevel(logging.CRITICAL + 1)
    try:
        yield
    finally:
        log.setLevel(level)
