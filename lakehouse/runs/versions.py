"""Which versions a run wrote, and from which ones, as the tables' logs and the streams' checkpoints say."""

from collections.abc import Iterable, Mapping
from itertools import islice
from typing import NamedTuple

from lakehouse.history.backlog import silver_positions
from lakehouse.history.commits import commits, rows_written
from lakehouse.history.log import Commit
from lakehouse.lakehouse import Lakehouse
from lakehouse.tables import Table

# More commits of a table than this are not read for their rows: a stream may have written a hundred thousand.
MAX_COMMITS = 200


class RunVersions(NamedTuple):
    """The last columns of ops.runs."""

    versions_read: Mapping[str, int]
    versions_written: Mapping[str, int]
    rows: int | None


def latest_versions(lake: Lakehouse, tables: Iterable[Table]) -> dict[str, int]:
    """The latest version of each table; -1 for one that does not exist."""
    return {table.sql_name: max(lake.versions(table), default=-1) for table in tables}


def written_since(lake: Lakehouse, before: Mapping[str, int], tables: Iterable[Table]) -> RunVersions:
    """What was written to the tables after these versions of them."""
    now = latest_versions(lake, tables)
    changed = [table for table in tables if now[table.sql_name] > before.get(table.sql_name, -1)]
    made = [_commits(lake, table, after=before.get(table.sql_name, -1)) for table in changed]
    read = [_noted_inputs(one) for listed in made for one in listed[::-1]]
    if any(table.layer == "silver" for table in changed):
        read.append(_stream_inputs(lake))
    known = all(len(listed) <= MAX_COMMITS for listed in made)
    return RunVersions(
        {name: version for inputs in read for name, version in inputs.items()},
        {table.sql_name: now[table.sql_name] for table in changed},
        sum(rows_written(one) for listed in made for one in listed) if known else None,
    )


def _commits(lake: Lakehouse, table: Table, *, after: int) -> list[Commit]:
    """The newest commits, at most one more than are counted."""
    return list(islice(commits(lake, table, after=after), MAX_COMMITS + 1))


def _noted_inputs(commit: Commit) -> Mapping[str, int]:
    inputs = commit.user_metadata.get("inputs")
    return {str(name): int(version) for name, version in inputs.items()} if isinstance(inputs, dict) else {}


def _stream_inputs(lake: Lakehouse) -> Mapping[str, int]:
    positions = silver_positions(lake.folder) or {}
    return {name: position.version for name, position in positions.items() if position.version >= 0}
