"""One run of a job: what is about to run, and what ops.runs has of it."""

from collections.abc import Mapping
from datetime import datetime
from typing import NamedTuple

from lakehouse.tables import Table


class Work(NamedTuple):
    """What is about to run: the job's module or the command's name, the call, and the tables that it may write."""

    job: str
    command: str
    tables: tuple[Table, ...] = ()


class Run(NamedTuple):
    """A row of ops.runs, in the order of its columns. The result of one that has just begun is "started"."""

    run_id: str
    parent_id: str | None
    job: str
    command: str
    started_at: datetime
    seconds: float = 0.0
    result: str = "started"
    exit_code: int = 0
    error: str | None = None
    versions_read: Mapping[str, int] = {}
    versions_written: Mapping[str, int] = {}
    rows: int | None = None
