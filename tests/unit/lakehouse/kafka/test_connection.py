"""Which address in a broker's answer is named as unreachable, with simulated connections."""

from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest
from kafka.errors import KafkaConnectionError, KafkaTimeoutError
from kafka.future import Future
from kafka.net.manager import KafkaConnectionManager
from kafka.net.selector import NetworkSelector

from lakehouse.kafka.connection import _WatchedConnections, advertised_error

SETTINGS, ADVERTISED = "localhost:9092", "inside:9092"


class Opened:
    """The connections that a client requested; each succeeds or fails when the test says so."""

    def __init__(self, manager: _WatchedConnections) -> None:
        self.manager = manager
        self.client = SimpleNamespace(_manager=manager)

    def connect(self) -> Future:
        """A new connection, as after the previous one ended."""
        self.manager._conns.pop(0, None)
        return self.manager.get_connection(0).init_future

    def message(self) -> str | None:
        error = advertised_error(SETTINGS, self.client, KafkaTimeoutError("time is up"))
        return error.problem if error else None


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> Iterator[Opened]:
    def get_connection(manager: KafkaConnectionManager, node_id: int, **_: Any) -> SimpleNamespace:
        return manager._conns.setdefault(node_id, SimpleNamespace(init_future=Future()))

    net = NetworkSelector()
    manager = _WatchedConnections(net, bootstrap_servers=[SETTINGS])
    monkeypatch.setattr(KafkaConnectionManager, "get_connection", get_connection)
    monkeypatch.setattr(manager.cluster, "broker_metadata", lambda _: SimpleNamespace(host="inside", port=9092))
    monkeypatch.setattr(manager.cluster, "is_bootstrap", lambda _: False)
    manager._watching = False  # the cluster has answered
    yield Opened(manager)
    net.close()


def test_an_address_where_nobody_answers_is_named(opened: Opened) -> None:
    connection = opened.connect()
    assert f"sends clients to {ADVERTISED} (no answer)" in (opened.message() or "")
    connection.failure(KafkaConnectionError("DNS Resolution failure"))
    assert f"sends clients to {ADVERTISED} (the name cannot be resolved)" in (opened.message() or "")


def test_an_address_that_was_reached_once_is_right(opened: Opened) -> None:
    """A broker that restarts, or is gone for good, does not make its advertised address wrong."""
    late = opened.connect()
    opened.connect().success(None)
    assert opened.message() is None
    late.failure(KafkaConnectionError("time is up"))
    assert opened.message() is None
    again = opened.connect()
    assert opened.message() is None
    again.failure(KafkaConnectionError("refused"))
    assert opened.message() is None


def test_another_thread_may_connect_while_the_error_is_made(opened: Opened) -> None:
    class Changing(dict[str, str]):
        def items(self) -> Any:
            for pair in super().items():
                self["other:9092"] = "no answer"
                yield pair

    opened.manager.unreached = Changing({ADVERTISED: "no answer"})
    assert ADVERTISED in (opened.message() or "")
