"""What a table's commits say: who wrote its rows, from which inputs, and when."""

import json
from collections.abc import Iterator
from typing import NamedTuple

from lakehouse.history.log import Commit, read_commit, table_log, versions
from lakehouse.lakehouse import Lakehouse
from lakehouse.tables import Table

# Operations that leave every row of a table as it is: maintenance, and changes of its contract.
KEEP_ROWS = frozenset(
    {
        *("CREATE TABLE", "ADD COLUMNS", "CHANGE COLUMN", "CHANGE COLUMNS", "ADD CONSTRAINT", "DROP CONSTRAINT"),
        *("SET TBLPROPERTIES", "UNSET TBLPROPERTIES", "UPGRADE PROTOCOL"),
        *("OPTIMIZE", "REORG", "VACUUM START", "VACUUM END"),
    }
)


def commits(lake: Lakehouse, table: Table, *, after: int = -1) -> Iterator[Commit]:
    """The commits with a version above `after`, newest first, each read on demand; none if there is no table."""
    log = table_log(lake.folder, table)
    for version in reversed(versions(log)):
        if version <= after:
            return
        yield read_commit(log, version)


def commit(lake: Lakehouse, table: Table, version: int) -> Commit | None:
    """The commit of this version; None if it is no longer in the log."""
    try:
        return read_commit(table_log(lake.folder, table), version)
    except FileNotFoundError:
        return None


class StreamBatch(NamedTuple):
    """One micro-batch of a stream: the id of its query, which the checkpoint keeps, and its number in it."""

    query_id: str
    number: int

    @property
    def note(self) -> str:
        """What a commit that appends this batch carries as its writer's note."""
        return json.dumps({"stream": self._asdict()})


def stream_batch(commit: Commit) -> StreamBatch | None:
    """The micro-batch that the commit appended; None for any other commit."""
    if commit.operation == "STREAMING UPDATE":  # by Delta's own sink, which wrote bronze before 0.2.0
        return StreamBatch(str(commit.parameters.get("queryId")), int(commit.parameters.get("epochId", -1)))
    noted = commit.user_metadata.get("stream")
    return StreamBatch(**noted) if isinstance(noted, dict) and noted.keys() == set(StreamBatch._fields) else None


def last_stream_commit(lake: Lakehouse, table: Table) -> Commit | None:
    """The commit of the last micro-batch that a stream appended to the table; None if its log has none."""
    return next((one for one in commits(lake, table) if stream_batch(one) is not None), None)


def last_stream_batch(lake: Lakehouse, table: Table) -> StreamBatch | None:
    """The last micro-batch that a stream appended to the table; None if no commit in its log is one."""
    last = last_stream_commit(lake, table)
    return None if last is None else stream_batch(last)


class Origin(NamedTuple):
    """The commit that says what a table's rows were built from: its version, and the inputs' versions by name."""

    version: int
    inputs: dict[str, int]


def origin(lake: Lakehouse, table: Table, version: int) -> Origin | None:
    """What this version's rows were built from; None if no commit records it.

    Maintenance moves rows without creating them, and a restored table holds the rows of the version it names.
    """
    written = commit(lake, table, version)
    while written is not None:
        inputs = written.user_metadata.get("inputs")
        if isinstance(inputs, dict):
            return Origin(written.version, {str(name): int(number) for name, number in inputs.items()})
        restored = written.parameters.get("version") if written.operation == "RESTORE" else None
        written = commit(lake, table, written.version - 1 if restored is None else int(restored))
    return None


# Spark's name of a MERGE's metric, then delta-rs'.
_MERGED = {
    "inserted": ("numTargetRowsInserted", "num_target_rows_inserted"),
    "updated": ("numTargetRowsUpdated", "num_target_rows_updated"),
    "deleted": ("numTargetRowsDeleted", "num_target_rows_deleted"),
}


def merged_rows(commit: Commit) -> dict[str, int]:
    """How many rows a MERGE inserted, updated and deleted."""
    return {change: commit.metric(*names) for change, names in _MERGED.items()}


def rows_written(commit: Commit) -> int:
    """The rows that a commit inserted or updated, as Spark or delta-rs counted them."""
    if commit.operation == "MERGE":
        merged = merged_rows(commit)
        return merged["inserted"] + merged["updated"]
    return rows_added(commit)


def lineage_of(lake: Lakehouse, table: Table, version: int) -> dict[str, int] | None:
    """The versions of the tables that this version's rows were built from; None if no commit records them."""
    source = origin(lake, table, version)
    return None if source is None else source.inputs


def rows_added(commit: Commit) -> int:
    """The rows that an append added, as Spark or delta-rs counted them; 0 for a commit that keeps all rows.

    Below some folders delta-rs can append only by a MERGE.
    """
    if commit.operation in KEEP_ROWS:
        return 0
    if commit.operation == "MERGE":
        return merged_rows(commit)["inserted"]
    return commit.metric("numOutputRows", "num_added_rows")
