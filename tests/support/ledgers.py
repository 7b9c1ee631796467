"""A lakehouse with as many records as an audit needs, and no other columns, written by delta-rs."""

import json
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
from deltalake import write_deltalake

from lakehouse.tables import (
    BRONZE_EVENTS,
    SILVER_BATCHES,
    SILVER_CONTENT,
    SILVER_CORRECTIONS,
    SILVER_FEEDBACK,
    SILVER_QUARANTINE,
    SILVER_TOMBSTONES,
    SILVER_USERS,
    Table,
)

TOPIC = "users"
_RECORD = [("topic", pa.string()), ("partition", pa.int32()), ("offset", pa.int64())]
_TIME = pa.timestamp("us", "UTC")
_STATE = [*_RECORD, ("id", pa.string()), ("event_timestamp", _TIME), ("kafka_timestamp", _TIME)]
_PART = pa.struct([*_RECORD[:2], ("last_offset", pa.int64()), ("rows", pa.int64())])
_COUNTS = ("rows_in", "applied", "superseded", "deleted", "quarantined")
_COLUMNS: dict[str, list[tuple[str, pa.DataType]]] = {
    BRONZE_EVENTS.sql_name: [*_RECORD, ("value", pa.string())],
    **{table.sql_name: _STATE for table in (SILVER_USERS, SILVER_CONTENT, SILVER_FEEDBACK, SILVER_TOMBSTONES)},
    SILVER_QUARANTINE.sql_name: [*_RECORD, ("status", pa.string())],
    SILVER_CORRECTIONS.sql_name: [
        *_STATE,
        ("replay_id", pa.int64()),
        ("outcome", pa.string()),
        ("target", pa.string()),
    ],
    SILVER_BATCHES.sql_name: [*((name, pa.int64()) for name in _COUNTS), ("records", pa.list_(_PART))],
}


def at(minute: int) -> datetime:
    return datetime(2025, 5, 13, tzinfo=UTC) + timedelta(minutes=minute)


def record(offset: int, *, topic: str = TOPIC, partition: int = 0, **columns: Any) -> dict[str, Any]:
    """A row of any table but silver.batches: its id and times follow from its offset unless they are given."""
    times = {"event_timestamp": at(offset % 1_000), "kafka_timestamp": at(offset % 1_000)}
    key = {"topic": topic, "partition": partition, "offset": offset}
    return key | {"id": f"{topic}-{partition}-{offset}", "value": "{}", "status": "open", **times} | columns


def batch(
    applied: int, superseded: int, deleted: int, quarantined: int, *, last: int, topic: str = TOPIC
) -> dict[str, Any]:
    """A micro-batch that read partition 0 of the topic up to the offset `last`."""
    counts = (applied, superseded, deleted, quarantined)
    part = {"topic": topic, "partition": 0, "last_offset": last, "rows": sum(counts)}
    return dict(zip(_COUNTS, (sum(counts), *counts), strict=True)) | {"records": [part]}


def write(root: Path, table: Table, rows: Iterable[dict[str, Any]]) -> None:
    """Append the rows in one commit; without rows the table is only created."""
    schema = pa.schema(_COLUMNS[table.sql_name])
    found = pa.Table.from_pylist(list(rows), schema)
    write_deltalake(root / table.layer / table.name, found, mode="append")


def write_checkpoint(root: Path, table: Table, next_offset: int, *, topic: str = TOPIC) -> None:
    """The checkpoint of a bronze stream that has read partition 0 of the topic up to there, in one batch."""
    folder = root / "checkpoints" / table.layer / table.name
    offsets = json.dumps({topic: {"0": next_offset}})
    for log, text in (("offsets", f"v1\n{{}}\n{offsets}"), ("commits", "v1\n{}")):
        (folder / log).mkdir(parents=True)
        (folder / log / "0").write_text(text, encoding="utf-8")
    (folder / "metadata").write_text('{"id":"5ae5f6fd"}', encoding="utf-8")


def write_sound(root: Path, *, topic: str = TOPIC) -> None:
    """70 records: 0 to 66 are users, 67 is superseded, 68 a tombstone, and 69 in quarantine. All adds up."""
    rows = [record(offset, topic=topic) for offset in range(70)]
    write(root, BRONZE_EVENTS, rows)
    write(root, SILVER_USERS, rows[:67])
    write(root, SILVER_TOMBSTONES, [rows[68]])
    write(root, SILVER_QUARANTINE, [rows[69]])
    write(root, SILVER_BATCHES, [batch(67, 1, 1, 1, last=69, topic=topic)])
    for table in (SILVER_CONTENT, SILVER_FEEDBACK, SILVER_CORRECTIONS):
        write(root, table, [])
