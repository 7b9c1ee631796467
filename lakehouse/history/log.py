"""The files of a table's Delta log, by name and time. What they say is delta-rs' to read: lakehouse.lakehouse."""

import re
from collections.abc import Iterable
from datetime import datetime, timedelta

from lakehouse.folders import Folder
from lakehouse.tables import Table

_COMMIT = re.compile(r"\d{20}\.json")


def table_log(root: Folder, table: Table) -> Folder:
    """The folder of the table's log."""
    return root / table.layer / table.name / "_delta_log"


def commit_versions(names: Iterable[str]) -> list[int]:
    """The versions whose commits are among these names of a log's files, oldest first."""
    return sorted(int(name[:20]) for name in names if _COMMIT.fullmatch(name))


def versions(log: Folder) -> list[int]:
    """The versions whose commits are still in the log, oldest first; empty if there is no table."""
    return commit_versions(log.names())


def commit_times(log: Folder) -> dict[int, datetime]:
    """When each version became visible, as TIMESTAMP AS OF sees it: its file's time, later than the one before."""
    found: dict[int, datetime] = {}
    last = None
    for name, written in sorted(log.times().items()):
        if not _COMMIT.fullmatch(name):
            continue
        at = written.replace(microsecond=written.microsecond // 1000 * 1000)
        last = at if last is None else max(at, last + timedelta(milliseconds=1))
        found[int(name[:20])] = last
    return found
