"""Retention of bronze: rows that silver has taken go once bronze has held them for `bronze.keep_days`."""

from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, nullcontext
from datetime import datetime, timedelta
from typing import NamedTuple

import pyarrow as pa
import pyarrow.parquet as pq
from deltalake import DeltaTable
from deltalake.exceptions import CommitFailedError

from lakehouse.history.backlog import silver_offsets
from lakehouse.history.data_files import own_files, unread_files
from lakehouse.history.retention import Removed, record
from lakehouse.kafka.meter import PartitionId
from lakehouse.lakehouse import Lakehouse, delete
from lakehouse.locks import RunningError, only_run
from lakehouse.paths import is_address
from lakehouse.sql import in_part
from lakehouse.stores import has_conditional_puts
from lakehouse.tables import Table
from lakehouse.tables.declaration import APPEND_ONLY, CHANGEABLE

# Who holds the locks of streams meanwhile.
COMMAND = "lakehouse maintain"
# The lock of the stream that rebuilds silver.
_REBUILD = "rebuild-silver"
_ATTEMPTS = 3


class Due(NamedTuple):
    """The rows of one table from before `until` that silver has taken, by partition."""

    table: Table
    until: datetime
    parts: Mapping[PartitionId, Removed]

    @property
    def rows(self) -> int:
        return sum(part.rows for part in self.parts.values())

    @property
    def condition(self) -> str:
        """The SQL condition of these rows. Rows that are appended meanwhile do not meet it."""
        of_parts = [f'({in_part(part)} AND "offset" < {gone.next_offset})' for part, gone in self.parts.items()]
        return f"{_before(self.until)} AND ({' OR '.join(of_parts) or 'false'})"


class Retired(NamedTuple):
    """What a run removed, or would remove. `waits` says why rows stay for now, or ""."""

    rows: int
    until: datetime
    waits: str = ""


def first_day_kept(keep_days: int, now: datetime) -> datetime:
    """The midnight up to which rows go: whole days, so that there is one commit a day."""
    return now.replace(hour=0, minute=0, second=0, microsecond=0) - timedelta(days=keep_days)


def due(lake: Lakehouse, table: Table, opened: DeltaTable, until: datetime) -> Due:
    """What the opened table can lose. Rows that silver's stream has yet to read stay, and those after them."""
    unread = _unread_from(lake, table)
    if unread is None:
        return Due(table, until, {})
    read = [f'NOT ({in_part(part)} AND "offset" >= {offset})' for part, offset in unread.items()]
    rows = lake.query(
        f"""
        SELECT topic, partition, min("offset") AS first_offset, max("offset") + 1 AS next_offset,
            count(DISTINCT "offset") AS records, count(*) AS rows
        FROM bronze WHERE {" AND ".join([_before(until), *read])} GROUP BY topic, partition
        """,  # noqa: S608
        bronze=opened,
    ).to_pylist()
    return Due(table, until, {(row.pop("topic"), row.pop("partition")): Removed(**row) for row in rows})


def foresee(lake: Lakehouse, table: Table, until: datetime) -> Retired:
    """What `retire` would remove."""
    return Retired(due(lake, table, lake.delta(table), until).rows, until)


def retire(lake: Lakehouse, table: Table, until: datetime, *, shared_ops: str) -> Retired:
    """Remove what is due, in one commit beside the running streams.

    Not beside a rebuild of silver: the record says what silver has taken.
    """
    if not due(lake, table, lake.delta(table), until).parts:
        return Retired(0, until)
    try:
        with only_run(shared_ops, _REBUILD, by=COMMAND), _undisturbed(lake, table, shared_ops):
            if (lake.folder / "rebuild").names():
                return Retired(0, until, "a rebuild of silver is not complete")
            _let_rows_go(lake, table)
            return _remove(lake, table, until)
    except RunningError as error:
        return Retired(0, until, error.problem)


def _undisturbed(lake: Lakehouse, table: Table, shared_ops: str) -> AbstractContextManager[None]:
    """Keep the table's stream from running where that is needed.

    A change of properties would make its batch fail; and in some stores commits of Spark and of delta-rs do not
    exclude each other.
    """
    are_exclusive = not is_address(lake.root) or has_conditional_puts(lake.root)
    if are_exclusive and not _is_append_only(lake, table):
        return nullcontext()
    return only_run(shared_ops, table.layer, by=COMMAND)


def _remove(lake: Lakehouse, table: Table, until: datetime) -> Retired:
    for _ in range(_ATTEMPTS):
        opened = lake.delta(table)
        found = due(lake, table, opened, until)
        try:
            delete(opened, found.condition, record(opened, found.parts, until))
        except CommitFailedError:  # its stream has joined small files meanwhile
            continue
        return Retired(found.rows, until)
    return Retired(0, until, "other writers took its files each time")


def _let_rows_go(lake: Lakehouse, table: Table) -> None:
    """Lift the property with which Delta refuses it; bronze's stream does this too when it starts."""
    if _is_append_only(lake, table):
        lake.delta(table).alter.set_table_properties(dict(CHANGEABLE))


def _is_append_only(lake: Lakehouse, table: Table) -> bool:
    return APPEND_ONLY.items() <= lake.delta(table).metadata().configuration.items()


def _unread_from(lake: Lakehouse, table: Table) -> dict[PartitionId, int] | None:
    """The first offset of each partition that silver has yet to read; None if it has read nothing of the table."""
    offset = (silver_offsets(lake.folder) or {}).get(table.sql_name)
    if offset is None:
        return None
    first: dict[PartitionId, int] = {}
    for rows in _records(lake, table, own_files(unread_files(lake, table, offset))):
        lowest = rows.group_by(["topic", "partition"]).aggregate([("offset", "min")]).to_pylist()
        for row in lowest:
            part = (row["topic"], row["partition"])
            first[part] = min(row["offset_min"], first.get(part, row["offset_min"]))
    return first


def _records(lake: Lakehouse, table: Table, files: Mapping[str, int]) -> Iterator[pa.Table]:
    folder = lake.folder / table.layer / table.name
    for name in files:
        with folder.system.open_input_file(f"{folder.path}/{name}") as file:
            yield pq.ParquetFile(file).read(columns=["topic", "partition", "offset"])


def _before(until: datetime) -> str:
    return f"ingested_at < arrow_cast('{until:%Y-%m-%dT%H:%M:%SZ}', 'Timestamp(Microsecond, Some(\"UTC\"))')"
