"""Starting a stream again after it lost its broker or its store, or once a command no longer holds its lock."""

import time
from collections.abc import Callable

from lakehouse.errors import BrokerError, LakehouseError, report
from lakehouse.locks import RunningError
from lakehouse.spark.streams import StreamError
from lakehouse.stop_signals import stop_requests

_FIRST_PAUSE_SECONDS, _LONGEST_PAUSE_SECONDS = 1.0, 60.0
# A command holds a lock for seconds, and nothing is spared by looking less often.
_LOCK_PAUSE_SECONDS = 5.0
_POLL_SECONDS = 0.2


class Patience:
    """How long to wait before each next try: twice as long each time, and `seconds` in all.

    Up to a minute, and for a lock up to 5 s.
    """

    def __init__(self, seconds: float, *, resumes: Callable[[], bool]) -> None:
        self._seconds, self._resumes = seconds, resumes
        self._lost_at: float | None = None
        self._pause = _FIRST_PAUSE_SECONDS

    def pause(self, error: LakehouseError, *, began: float, now: float) -> float | None:
        """The next wait, in seconds; None if there is no next try.

        A stream that ran for longer than all waits has recovered: its loss is a new one. One that never ran may
        have a wrong address: if its broker is missing, that is an error at once. So is the same stream in another
        process.
        """
        is_new = self._lost_at is None or now - began > self._seconds
        if not self._will_pass(error, is_new=is_new):
            return None
        if is_new:
            self._lost_at, self._pause = now, _FIRST_PAUSE_SECONDS
        longest = _LOCK_PAUSE_SECONDS if isinstance(error, RunningError) else _LONGEST_PAUSE_SECONDS
        pause, self._pause = min(self._pause, longest), min(2 * self._pause, _LONGEST_PAUSE_SECONDS)
        assert self._lost_at is not None  # noqa: S101 - set above
        return None if now + pause - self._lost_at > self._seconds else pause

    def _will_pass(self, error: LakehouseError, *, is_new: bool) -> bool:
        if isinstance(error, RunningError):
            return bool(error.command)
        if isinstance(error, BrokerError):
            return not is_new or self._resumes()
        return isinstance(error, StreamError) and error.lost


def never() -> bool:
    return False


def retried(stream: Callable[[], None], *, for_seconds: float, resumes: Callable[[], bool] = never) -> None:
    """Run a stream, and start it again each time it loses its broker or its store, for that long at most.

    It also waits for a command that holds its lock, such as maintenance, and at its start for a broker if it
    `resumes` what an earlier process did. One line on stderr reports each try. SIGTERM and Ctrl-C end a wait as
    they end the stream: without an error.
    """
    patience = Patience(for_seconds, resumes=resumes)
    while True:
        began = time.monotonic()
        try:
            stream()
        except (StreamError, BrokerError, RunningError) as error:
            pause = patience.pause(error, began=began, now=time.monotonic())
            if pause is None:
                raise
            report(f"{error.problem}; trying again in {pause:g} s")
            if not _waited(pause):
                return
        else:
            return


def _waited(seconds: float) -> bool:
    """Whether the time passed without a stop signal."""
    ends = time.monotonic() + seconds
    with stop_requests(counted=None) as stop:
        while not stop.received() and time.monotonic() < ends:
            time.sleep(min(_POLL_SECONDS, max(0.0, ends - time.monotonic())))
        return not stop.received()
