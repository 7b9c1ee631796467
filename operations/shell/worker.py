"""An engine in a thread of its own, so that Ctrl-C reaches the prompt's thread while a statement runs."""

import threading
from collections.abc import Callable
from concurrent.futures import Future, wait
from contextlib import AbstractContextManager
from queue import SimpleQueue
from types import TracebackType
from typing import Any, NamedTuple

from lakehouse.errors import LakehouseError
from operations.shell.queries import Engine
from operations.shell.results import QueryResult

_CANCEL_AGAIN_SECONDS = 0.2
# A signal that comes just before the main thread blocks is handled only once it wakes.
_WAKE_SECONDS = 0.2


def await_done(future: "Future[Any]") -> None:
    """Wait for the future, in a way that Ctrl-C always interrupts."""
    while not future.done():
        wait([future], timeout=_WAKE_SECONDS)


class _Request(NamedTuple):
    statement: str
    limit: int
    result: "Future[QueryResult]"


class QueryWorker:
    """Opens the engine, runs statements in it and closes it. `started` holds the failure if it cannot be opened.

    As a context manager: its end waits for the engine to close, except after Ctrl-C.
    """

    def __init__(self, opened: Callable[[], AbstractContextManager[Engine]]) -> None:
        self.started: Future[Engine] = Future()
        self._opened = opened
        self._requests: SimpleQueue[_Request | None] = SimpleQueue()
        self._ended: Future[None] = Future()
        # a daemon: after the second Ctrl-C nothing waits for a statement that does not end
        threading.Thread(target=self._work, name="sql", daemon=True).start()

    def __enter__(self) -> "QueryWorker":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._requests.put(None)
        if isinstance(error, KeyboardInterrupt):
            return
        await_done(self._ended)
        if error is None:
            self._ended.result()

    @property
    def has_ended(self) -> bool:
        """Whether the engine is gone. It is before the failure that ended it can be seen in a result."""
        return self._ended.done()

    def run(self, statement: str, *, limit: int, result: "Future[QueryResult]") -> None:
        """Run the statement for this result. Its failure is a LakehouseError; any other has ended the engine.

        The caller makes the result, so that it can cancel whatever a Ctrl-C interrupts. Waits until the engine is
        open. Raises its failure if it cannot be opened.
        """
        await_done(self.started)
        self.started.result()
        self._requests.put(_Request(statement, limit, result))

    def cancel(self, result: "Future[QueryResult]") -> None:
        """Cancel the statement and wait for its end.

        Spark cancels the jobs that run now; a statement may start more, so it is asked again.
        """
        while not result.cancel() and not result.done():
            self.started.result().cancel()
            wait([result], timeout=_CANCEL_AGAIN_SECONDS)

    def _work(self) -> None:
        current: Future[QueryResult] | Future[Engine] = self.started
        try:
            with self._opened() as engine:
                self.started.set_result(engine)
                while (request := self._requests.get()) is not None:
                    if request.result.set_running_or_notify_cancel():
                        current = request.result
                        _run(engine, request)
        except BaseException as error:  # noqa: BLE001 - it belongs to the prompt's thread, which waits for it
            if current.done():
                self._ended.set_exception(error)
            else:
                self._ended.set_result(None)
                current.set_exception(error)
        else:
            self._ended.set_result(None)


def _run(engine: Engine, request: _Request) -> None:
    try:
        request.result.set_result(engine.run(request.statement, limit=request.limit))
    except LakehouseError as error:
        request.result.set_exception(error)
