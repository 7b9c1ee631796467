"""An engine for the shell's own tests: its answers and its pace are the test's."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from lakehouse.errors import InputError
from operations.shell.queries import CancelledError
from operations.shell.results import QueryResult


class SlowEngine:
    """Starts when it may. `long` runs until it is cancelled, `wrong` fails, `dies` ends the engine."""

    def __init__(self, *, patience: int = 1) -> None:
        self.may_start = threading.Event()
        self.is_running = threading.Event()
        self.ran: list[str] = []
        self.cancels = 0
        self.is_closed = False
        self._patience = patience
        self._cancelled = threading.Event()

    @contextmanager
    def opened(self) -> Iterator["SlowEngine"]:
        self.may_start.wait()
        try:
            yield self
        finally:
            self.is_closed = True

    def run(self, statement: str, *, limit: int) -> QueryResult:
        self.ran.append(statement)
        if "long" in statement:
            self.is_running.set()
            self._cancelled.wait()
            self._cancelled.clear()
            raise CancelledError("cancelled")
        if "wrong" in statement:
            raise InputError("no such column", todo="correct the query")
        if "dies" in statement:
            raise ConnectionResetError("the JVM is gone")
        return QueryResult(["limit"], [[limit]], is_cut=False)

    def cancel(self) -> None:
        """Like Spark: only the job that runs now ends; a statement of several jobs is cancelled several times."""
        self.cancels += 1
        if self.cancels >= self._patience:
            self._cancelled.set()
