"""Starting a stream again after it lost its broker or its store, or once a command no longer holds its lock."""

import time
from collections.abc import Callable

from lakehouse.errors import BrokerError, LakehouseError, NoBrokerError, NoStoreError, report, root_cause
from lakehouse.locks import RunningError
from lakehouse.spark.streams import StreamError, is_lost
from lakehouse.stop_signals import stop_requests

_FIRST_PAUSE_SECONDS, _LONGEST_PAUSE_SECONDS = 1.0, 60.0
# Most commands hold a lock for seconds.
_LOCK_PAUSE_SECONDS = 5.0
_POLL_SECONDS = 0.2


class Patience:
    """How long to wait before each next try: twice as long each time, and `seconds` in all.

    Each wait is at most a minute, for a lock at most 5 s. A stream that `resumes` what an earlier process did also
    waits for its first connection to broker and store; one that never ran may have a wrong address.
    """

    def __init__(self, seconds: float, *, resumes: bool) -> None:
        self._seconds, self._knows_both = seconds, resumes
        self._for_lock: bool | None = None
        self._since = 0.0
        self._pause = _FIRST_PAUSE_SECONDS

    def pause(self, error: LakehouseError, *, began: float, now: float) -> float | None:
        """The next wait, in seconds, after a try that `began` then; None if there is no next try.

        The time starts over if the stream waits for something else than before, or has run for longer than all
        waits: then it had recovered.
        """
        if not self._will_pass(error):
            return None
        has_run, for_lock = isinstance(error, StreamError), isinstance(error, RunningError)
        self._knows_both |= has_run
        if for_lock != self._for_lock or (has_run and now - began > self._seconds):
            self._for_lock, self._since, self._pause = for_lock, now, _FIRST_PAUSE_SECONDS
        longest = _LOCK_PAUSE_SECONDS if for_lock else _LONGEST_PAUSE_SECONDS
        pause, self._pause = min(self._pause, longest), min(2 * self._pause, _LONGEST_PAUSE_SECONDS)
        return None if now + pause - self._since > self._seconds else pause

    def _will_pass(self, error: LakehouseError) -> bool:
        if isinstance(error, RunningError):
            return bool(error.command)
        if isinstance(error, StreamError):
            return error.lost
        return isinstance(error, NoBrokerError | NoStoreError) and self._knows_both


def retried(stream: Callable[[], None], *, for_seconds: float, resumes: bool = False) -> bool:
    """Run a stream, and start it again each time it loses its broker or its store, for that long at most.

    It also waits for a command that holds its lock, such as maintenance, and at its start for a broker if it
    `resumes` what an earlier process did. One line on stderr reports each try. SIGTERM and Ctrl-C end a wait as
    they end the stream: without an error. Returns whether the stream ended by itself.
    """
    patience = Patience(for_seconds, resumes=resumes)
    while True:
        began = time.monotonic()
        try:
            stream()
        except Exception as error:
            failure = _failure(error)
            if failure is None:
                raise
            pause = patience.pause(failure, began=began, now=time.monotonic())
            if pause is None:
                if failure is error:
                    raise
                raise failure from error
            report(f"{failure.problem}; trying again in {pause:g} s")
            if not _waited(pause):
                return False
        else:
            return True


def _failure(error: Exception) -> LakehouseError | None:
    """The failure if it may pass. What a start meets in the store comes from whichever library reads it."""
    if isinstance(error, StreamError | BrokerError | RunningError):
        return error
    if not is_lost(error):
        return None
    todo = "nothing is lost: start it again once the store's address and the network are right"
    return NoStoreError(f"the store does not answer: {root_cause(error).message}", todo=todo)


def _waited(seconds: float) -> bool:
    """Whether the time passed without a stop signal."""
    ends = time.monotonic() + seconds
    with stop_requests(counted=None) as stop:
        while not stop.received() and time.monotonic() < ends:
            time.sleep(min(_POLL_SECONDS, max(0.0, ends - time.monotonic())))
        return not stop.received()
