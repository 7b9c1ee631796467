"""Every run of a job as one row of ops.runs, and as OpenLineage events if the settings name a receiver.

The row is written in process when the run ends. If that fails, one line on stderr says so, and the result of the
job stands. A process that is killed leaves no row.
"""

import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import UTC, datetime
from typing import NamedTuple

from lakehouse.errors import exit_code_of, first_line, report
from lakehouse.lakehouse import Lakehouse
from lakehouse.runs import store
from lakehouse.runs.run import Run, Work
from lakehouse.runs.versions import latest_versions, written_since
from lakehouse.settings import OpenLineage


class _Outer(NamedTuple):
    """The run that a step is part of, and the rows of its steps that have ended."""

    run_id: str
    job: str
    ended: list[Run]


# Of this thread: what another thread runs is a run of its own.
_OUTER: ContextVar[_Outer | None] = ContextVar("outer", default=None)


def recorded(work: Callable[[], int], what: Work, *, root: str, openlineage: OpenLineage) -> int:
    """The exit code of `work`, which is recorded however it ends.

    A run within another one is a step of it: all their rows are written in one commit.
    """
    recorder = _Recorder(what, Lakehouse(root), openlineage, _OUTER.get())
    token = _OUTER.set(recorder.as_outer)
    try:
        code = work()
    except SystemExit:  # wrong arguments, or --help: nothing has run
        raise
    except BaseException as error:
        recorder.end(exit_code_of(error), error)
        raise
    finally:
        _OUTER.reset(token)
    recorder.end(code, None)
    return code


class _Recorder:
    """One run while it runs."""

    def __init__(self, what: Work, lake: Lakehouse, openlineage: OpenLineage, outer: _Outer | None) -> None:
        self.as_outer = _Outer(str(uuid.uuid4()), what.job, [])
        self._tables, self._lake, self._openlineage, self._outer = what.tables, lake, openlineage, outer
        parent_id = None if outer is None else outer.run_id
        self._run = Run(self.as_outer.run_id, parent_id, what.job, what.command, datetime.now(UTC))
        self._began = time.monotonic()
        self._before: dict[str, int] = {}
        with _never_failing(quiet=True):  # the end says it once
            self._before = latest_versions(lake, what.tables)
            self._send(self._run)

    def end(self, exit_code: int, error: BaseException | None) -> None:
        with _never_failing(quiet=error is not None):
            run = self._ended(exit_code, error)
            self._keep([run, *self.as_outer.ended])
            self._send(run)

    def _ended(self, exit_code: int, error: BaseException | None) -> Run:
        written = written_since(self._lake, self._before, self._tables)
        return self._run._replace(
            seconds=round(time.monotonic() - self._began, 3),
            result=_result(exit_code, error),
            exit_code=exit_code,
            error=first_line(error) if isinstance(error, Exception) else None,
            **written._asdict(),
        )

    def _keep(self, runs: list[Run]) -> None:
        if self._outer is not None:
            self._outer.ended.extend(runs)
        elif self._lake.folder.names():  # a mistyped root is not created
            store.append(self._lake, runs)

    def _send(self, run: Run) -> None:
        if self._openlineage.is_on:
            from lakehouse.runs import lineage  # it takes a moment to load

            parent_job = "" if self._outer is None else self._outer.job
            lineage.send(run, self._openlineage, root=self._lake.root, parent_job=parent_job)


def _result(exit_code: int, error: BaseException | None) -> str:
    if isinstance(error, KeyboardInterrupt):
        return "stopped"
    return "failed" if exit_code else "succeeded"


@contextmanager
def _never_failing(*, quiet: bool) -> Iterator[None]:
    """Report a failure to record the run, unless the run's own failure is reported."""
    try:
        yield
    except Exception as error:  # noqa: BLE001 - the record must not change the result of the run
        if not quiet:
            report(f"this run is not fully recorded: {first_line(error)}")
