"""SIGTERM and Ctrl-C as a request that a long run polls, so that it can shut down cleanly."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

_STOPS = (signal.SIGINT, signal.SIGTERM)


class StopRequests:
    """How many stop signals have been received. After the last that is only counted, the next ends the process."""

    def __init__(self, counted: int | None) -> None:
        self.count = 0
        self._counted = counted

    def received(self) -> bool:
        return self.count > 0

    def note(self, _number: int, _frame: FrameType | None) -> None:
        self.count += 1
        if self.count == self._counted:
            signal.signal(signal.SIGINT, signal.default_int_handler)
            signal.signal(signal.SIGTERM, signal.SIG_DFL)


@contextmanager
def stop_requests(*, counted: int | None) -> Iterator[StopRequests]:
    """Within the block, that many signals are only counted, and with None all of them.

    Only the main thread can handle signals: in another thread nothing is counted, and its starter handles them.
    """
    requests = StopRequests(counted)
    try:
        before = {number: signal.signal(number, requests.note) for number in _STOPS}
    except ValueError:  # not the main thread
        yield requests
        return
    try:
        yield requests
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
