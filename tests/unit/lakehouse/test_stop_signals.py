"""SIGTERM and Ctrl-C within the block and after it, sent to this very process."""

import signal
import threading
from collections.abc import Iterator

import pytest

from lakehouse.stop_signals import StopRequests, stop_requests

STOPS = (signal.SIGINT, signal.SIGTERM)


@pytest.fixture(autouse=True)
def handlers() -> Iterator[list[object]]:
    """Those of this process, which must be in place again after each block."""
    before: list[object] = [signal.getsignal(number) for number in STOPS]
    yield before
    assert [signal.getsignal(number) for number in STOPS] == before


@pytest.mark.parametrize("number", STOPS)
@pytest.mark.parametrize("counted", [1, 2, None])
def test_the_first_signal_is_only_a_request(number: signal.Signals, counted: int | None) -> None:
    with stop_requests(counted=counted) as stop:
        assert (stop.received(), stop.count) == (False, 0)
        signal.raise_signal(number)
        assert (stop.received(), stop.count) == (True, 1)


@pytest.mark.parametrize("counted", [1, 2])
def test_after_the_counted_ones_the_next_ends_the_process(counted: int) -> None:
    with stop_requests(counted=counted) as stop:
        for _ in range(counted):
            assert signal.getsignal(signal.SIGTERM) == stop.note
            signal.raise_signal(signal.SIGTERM)
        assert signal.getsignal(signal.SIGTERM) == signal.SIG_DFL
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)
        assert stop.count == counted


def test_without_a_number_all_are_counted() -> None:
    with stop_requests(counted=None) as stop:
        for number in (*STOPS, *STOPS):
            signal.raise_signal(number)
        assert stop.count == 4


def test_a_failure_in_the_block_restores_the_handlers_too() -> None:
    with pytest.raises(ValueError, match="of the block"), stop_requests(counted=1):
        raise ValueError("of the block")


def test_in_another_thread_nothing_is_handled(handlers: list[object]) -> None:
    seen: list[tuple[StopRequests, list[object]]] = []

    def work() -> None:
        with stop_requests(counted=1) as stop:
            seen.append((stop, [signal.getsignal(number) for number in STOPS]))

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    ((stop, during),) = seen
    assert (stop.received(), during) == (False, handlers)
