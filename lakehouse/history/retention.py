"""What bronze no longer holds because its days are over (`bronze.keep_days`), as its own log records it.

The record is in the commit that removes the rows: application transactions (Delta protocol, `txn`), which every
checkpoint of the log keeps. Table properties would fail the stream that appends at that moment.
"""

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import NamedTuple

from deltalake import CommitProperties, DeltaTable, Transaction

from lakehouse.kafka.meter import PartitionId

_PREFIX = "lakehouse.retention"
_UNTIL = f"{_PREFIX}.until"
# How often silver has been rebuilt from what bronze held then: each time the counts of rows begin at 0.
_REBUILDS = f"{_PREFIX}.rebuilds"
# What is recorded of each partition besides its rows.
_RECORDS = ("first_offset", "next_offset", "records")
_NOTE = "retention"


class Removed(NamedTuple):
    """What retention removed of one partition: records from `first_offset` on, before `next_offset` (0: none).

    `rows` are those that silver.batches counts and bronze no longer holds: none once silver is rebuilt without
    them.
    """

    first_offset: int
    next_offset: int
    records: int
    rows: int


def removed(delta: DeltaTable, part: PartitionId) -> Removed:
    """What retention has removed of this partition from an opened table."""
    first, following, records = (_number(delta, _of(part, name)) for name in _RECORDS)
    return Removed(first, following, records, _number(delta, _rows(delta, part)))


def removed_rows(delta: DeltaTable) -> int:
    """The rows of all partitions that silver has taken and an opened table no longer holds."""
    return _number(delta, _rows(delta))


def removed_until(delta: DeltaTable) -> datetime | None:
    """The time before which records were removed, by when bronze read them; None if none were."""
    seconds = _number(delta, _UNTIL)
    return datetime.fromtimestamp(seconds, UTC) if seconds else None


def record(delta: DeltaTable, parts: Mapping[PartitionId, Removed], until: datetime) -> CommitProperties:
    """The record of a commit that removes these rows from an opened table, added to what was removed before."""
    rows = removed_rows(delta) + sum(part.rows for part in parts.values())
    numbers = {_UNTIL: int(until.timestamp()), _rows(delta): rows}
    for part, gone in parts.items():
        before = removed(delta, part)
        first = before.first_offset if before.next_offset else gone.first_offset
        following = max(gone.next_offset, before.next_offset)
        counts = (min(first, gone.first_offset), following, before.records + gone.records)
        numbers |= {_of(part, name): number for name, number in zip(_RECORDS, counts, strict=True)}
        numbers[_rows(delta, part)] = before.rows + gone.rows
    return _properties(numbers)


def restart_counts(delta: DeltaTable) -> None:
    """Record that silver is rebuilt from the rows that an opened table holds, without those removed."""
    if removed_rows(delta):
        properties = _properties({_REBUILDS: _number(delta, _REBUILDS) + 1})
        delta.create_write_transaction([], "append", delta.schema(), commit_properties=properties)


def _properties(numbers: Mapping[str, int]) -> CommitProperties:
    return CommitProperties(
        custom_metadata={"userMetadata": json.dumps({"lakehouse": _NOTE})},
        app_transactions=[Transaction(name, number) for name, number in sorted(numbers.items())],
    )


def _rows(delta: DeltaTable, part: PartitionId | None = None) -> str:
    """The transaction that counts the rows of a partition, or of the whole table."""
    name = f"rows.{_number(delta, _REBUILDS)}"
    return f"{_PREFIX}.{name}" if part is None else _of(part, name)


def _of(part: PartitionId, name: str) -> str:
    return f"{_PREFIX}.{name}.{part[0]}-{part[1]}"


def _number(delta: DeltaTable, name: str) -> int:
    return delta.transaction_version(name) or 0
