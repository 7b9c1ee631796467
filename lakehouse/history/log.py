"""A table's Delta log as files: its commits, by name, time and content (Delta transaction protocol).

delta-rs keeps the rest: which files, rows and columns a version has. Its own history is not used: it numbers
commits by their place, from the version of the table that it has opened, and misnames them all if another writer
commits meanwhile or an older version was opened.
"""

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

from lakehouse.folders import Folder
from lakehouse.tables import Table

_COMMIT = re.compile(r"\d{20}\.json")
Action = Mapping[str, Any]


class Commit(NamedTuple):
    """One version of a table: its operation, the operation's parameters and metrics, its writer's note."""

    version: int
    written_at: datetime | None
    operation: str
    parameters: Mapping[str, Any]
    metrics: Mapping[str, Any]
    note: str

    def metric(self, *names: str) -> int:
        """The first of these metrics that the operation has: Spark and delta-rs name them differently. Else 0."""
        return next((int(self.metrics[name]) for name in names if name in self.metrics), 0)

    @property
    def user_metadata(self) -> Mapping[str, Any]:
        """The JSON object that our own writers note; empty for anything else."""
        try:
            parsed = json.loads(self.note or "{}")
        except ValueError:
            return {}
        return parsed if isinstance(parsed, dict) else {}

    @property
    def is_own(self) -> bool:
        """Whether a command of ours has noted that it changes rows on purpose: retention, forget, rebuild."""
        return "lakehouse" in self.user_metadata


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
    times = log.times()
    visible_at: dict[int, datetime] = {}
    last = datetime.fromtimestamp(0, UTC)
    for version in commit_versions(times):
        written = times[_name(version)]
        at = written.replace(microsecond=written.microsecond // 1000 * 1000)
        last = max(at, last + timedelta(milliseconds=1))
        visible_at[version] = last
    return visible_at


def read_commit(log: Folder, version: int) -> Commit:
    """The commit's own record of itself. Raises FileNotFoundError if it is no longer in the log."""
    info: Action = {}
    for action in read_actions(log, version):
        info = action.get("commitInfo") or info
    stamp = info.get("inCommitTimestamp", info.get("timestamp"))
    return Commit(
        version,
        None if stamp is None else datetime.fromtimestamp(stamp / 1000, UTC),
        info.get("operation", ""),
        info.get("operationParameters") or {},
        info.get("operationMetrics") or {},
        info.get("userMetadata") or "",
    )


def read_actions(log: Folder, version: int) -> Iterator[Action]:
    """The actions of a commit. Raises ValueError or OSError if it is damaged."""
    for line in log.read(_name(version)).splitlines():
        if line.strip():
            yield json.loads(line)


def removes_rows(actions: Iterable[Action]) -> bool:
    """Whether a commit of these actions removes or changes rows, and does not merely move them to other files."""
    return any(action["remove"].get("dataChange") for action in actions if action.get("remove"))


def _name(version: int) -> str:
    return f"{version:020d}.json"
