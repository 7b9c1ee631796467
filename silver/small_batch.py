"""One micro-batch of stream 2 that fits on the driver: decided in plain Python, written by delta-rs.

It does to silver's tables what `silver.batch` does with Spark, commit by commit: each may repeat what the other
began. tests/spark/silver/test_batch.py compares the two.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from functools import partial
from typing import Any, NamedTuple

import pyarrow as pa
import pyarrow.compute as pc
from deltalake import CommitProperties, DeltaTable, Transaction

from lakehouse import compaction
from lakehouse.arrow import arrow_schema
from lakehouse.durability import commits_synced
from lakehouse.lakehouse import Lakehouse, append, select
from lakehouse.sql import quoted
from lakehouse.tables import SILVER_BATCHES, SILVER_CORRECTIONS, SILVER_QUARANTINE, SILVER_TOMBSTONES, Table
from silver.latest import ORDER, RECORD, TABLE_OF, TABLES, TOMBSTONE, merge_conditions
from silver.parsing.fields import TYPED_COLUMNS
from silver.rows import MOST_UNKNOWN, batch_row, outcome_counts
from silver.state import TARGETS
from silver.winners import Decision, Held, Incoming, Moment, decide, grouped

# The tables of silver's state, by the target of the records that change them.
STATE: Mapping[str, Table] = {**TARGETS, TOMBSTONE: SILVER_TOMBSTONES}
# The tables that a batch writes.
CHANGED = (*STATE.values(), SILVER_QUARANTINE, SILVER_BATCHES)
_MERGE = merge_conditions(quoted)
# Silver's tables by name, opened once per batch: delta-rs keeps each at the version of its own last commit.
Opened = Mapping[str, DeltaTable]


class _Batch(NamedTuple):
    """The judged records as Arrow, and what a first look at each of them gives, by its number."""

    records: pa.Table
    rejected: list[int]
    valid: list[Incoming]


def open_tables(lake: Lakehouse) -> Opened:
    """The tables that a batch may change or whose versions it records."""
    tables = (*CHANGED, SILVER_CORRECTIONS)
    return {table.name: lake.delta(table) for table in tables}


def apply_small_batch(
    judged: pa.Table,
    tables: Opened,
    *,
    query_id: str,
    batch_id: int,
    versions: Mapping[str, int],
    writers: int = len(TABLES),
) -> None:
    """Write one judged batch to the silver tables; its own row in silver.batches last, once the rest is on disk.

    Users, content and feedback are written by that many threads: none of them depends on the others' commits, and
    delta-rs does not hold Python's lock meanwhile.
    If a crash made Spark repeat the batch, any of its first commits may already exist: each commit compares its
    rows with what the table holds, and the last one carries a transaction id.
    """
    batch = _targeted(judged)
    with commits_synced(*(table for name, table in tables.items() if name != SILVER_BATCHES.name)):
        if batch.rejected:
            _quarantine(tables, batch)
        decisions = _decide(tables, batch.valid)
        _write(tables, batch, decisions, writers)
    recorded = tables[SILVER_BATCHES.name].transaction_version(query_id)
    if recorded is not None and recorded >= batch_id:
        return
    won = Counter(decision.latest.target for decision in decisions if decision.wins)
    counts = outcome_counts(len(judged), len(batch.rejected), won)
    row = batch_row(
        {"query_id": query_id, "batch_id": batch_id, **counts},
        records=_parts(judged),
        versions=versions,
        silver_versions=_versions(tables),
        unknown=_unknown_fields(judged),
    )
    with commits_synced(tables[SILVER_BATCHES.name]):
        _append(tables, SILVER_BATCHES, row, Transaction(query_id, batch_id))


def join_small_files(lake: Lakehouse, tables: Opened) -> None:
    """Join the small files of tables that have many, each in a commit that changes no row."""
    for table in CHANGED:
        compaction.join_small_files(lake, table, tables[table.name])


def _targeted(judged: pa.Table) -> _Batch:
    """Which table and id each valid record is about. A tombstone's id is its key, also in the quarantine."""
    entities = pc.if_else(judged["is_tombstone"], judged["key_id"], judged["id"])
    judged = judged.set_column(judged.schema.get_field_index("id"), "id", entities)
    moments = _moments(judged)
    deleted, types = judged["is_tombstone"].to_pylist(), judged["type"].to_pylist()
    ids = entities.to_pylist()
    reasons = pc.list_value_length(judged["reasons"]).to_pylist()
    rejected, valid = [], []
    for row, broken in enumerate(reasons):
        if broken:
            rejected.append(row)
        elif deleted[row]:
            valid.append(Incoming(row, TOMBSTONE, ids[row], moments[row]))
        else:
            valid.append(Incoming(row, TABLE_OF[types[row]], ids[row], moments[row]))
    return _Batch(judged, rejected, valid)


def _moments(rows: pa.Table) -> list[Moment]:
    """The values of ORDER, times in microseconds."""
    columns = [rows[name] for name in ORDER]
    plain = [column.cast(pa.int64()) if pa.types.is_timestamp(column.type) else column for column in columns]
    return list(zip(*[column.to_pylist() for column in plain], strict=True))


def _quarantine(tables: Opened, batch: _Batch) -> None:
    """Append a row for each record that is not there yet: neither a repeated batch nor a record that bronze holds
    twice adds a second one."""
    rows = batch.records.take(batch.rejected)
    places = _places(rows)
    first, last = pc.min(rows["offset"]).as_py(), pc.max(rows["offset"]).as_py()
    between = f"{quoted('offset')} BETWEEN {first} AND {last}"
    held = set(_places(select(tables[SILVER_QUARANTINE.name], columns=RECORD, where=between)))
    order = (
        sorted(range(len(rows)), key=lambda row: _content_order(rows, row))
        if _doubled(places)
        else range(len(rows))
    )
    fresh: dict[tuple[Any, ...], int] = {}
    for row in order:
        if places[row] not in held:
            fresh.setdefault(places[row], row)
    if not fresh:
        return
    now = datetime.now(UTC)
    chosen = rows.take(sorted(fresh.values()))
    added = {"quarantined_at": now, "status": "open", "resolved_at": None}
    columns = [
        pa.array([added[field.name]] * len(chosen), field.type) if field.name in added else chosen[field.name]
        for field in arrow_schema(SILVER_QUARANTINE)
    ]
    _append(tables, SILVER_QUARANTINE, pa.table(columns, names=SILVER_QUARANTINE.columns))


def _doubled(places: Sequence[tuple[Any, ...]]) -> bool:
    return len(set(places)) < len(places)


def _content_order(rows: pa.Table, row: int) -> tuple[tuple[bool, Any], ...]:
    """Which of two bronze rows of one record is kept; null comes first, as Spark orders it."""
    values = [rows[name][row].as_py() for name in ("kafka_timestamp", "key", "value", "value_raw")]
    return tuple((value is not None, value) for value in values)


def _places(rows: pa.Table) -> list[tuple[Any, ...]]:
    return list(zip(*[rows[name].to_pylist() for name in RECORD], strict=True))


def _decide(tables: Opened, valid: Sequence[Incoming]) -> list[Decision]:
    present = {record.target for record in valid}
    if not present:
        return []
    # an event competes with its own table and with deletions, a tombstone with all tables
    wanted = {*TABLES, TOMBSTONE} if TOMBSTONE in present else {*present, TOMBSTONE}
    entities = pa.array(sorted({record.entity for record in valid}), pa.string())
    return decide(valid, {name: _held(tables[name], entities) for name in wanted})


def _held(table: DeltaTable, entities: pa.Array) -> Held:
    """What the table holds for these ids. All ids are read: a list of a thousand in the query costs more."""
    rows = select(table, columns=("id", *ORDER))
    rows = rows.filter(pc.is_in(rows["id"], entities))
    return grouped(zip(rows["id"].to_pylist(), _moments(rows), strict=True))


def _write(tables: Opened, batch: _Batch, decisions: Sequence[Decision], writers: int) -> None:
    """Write the winners: one commit per table that changes.

    A table that holds none of the ids is appended to.
    """
    deletions = [decision for decision in decisions if decision.latest.target == TOMBSTONE]
    changes: list[Callable[[], None]] = []
    for name in TABLES:
        winners = [decision for decision in decisions if decision.latest.target == name and decision.wins]
        own = {decision.latest.entity for decision in winners}
        deleted = [d for d in deletions if name in d.held_in and d.latest.entity not in own]
        changes.append(partial(_apply, tables, batch, name, winners, deleted))
    _do(changes, writers)
    # every tombstone is kept, even if a later event won: events older than the tombstone may still arrive
    _apply(tables, batch, TOMBSTONE, deletions, [])


def _do(changes: Iterable[Callable[[], None]], threads: int) -> None:
    """At once: all are tried, and the first error is raised. With one thread: in turn, up to an error."""
    if threads == 1:
        for change in changes:
            change()
        return
    with ThreadPoolExecutor(threads) as pool:
        for done in [pool.submit(change) for change in changes]:
            done.result()


def _apply(
    tables: Opened, batch: _Batch, name: str, winners: Sequence[Decision], deleted: Sequence[Decision]
) -> None:
    table = STATE[name]
    if not winners and not deleted:
        return
    if not deleted and not any(decision.is_held for decision in winners):
        _append(tables, table, _shaped(batch.records, table, winners))
        return
    twice = [decision for decision in winners if decision.is_held_twice]
    parts = [
        _changes(_shaped(batch.records, table, winners), "upsert", unmatched={d.latest.entity for d in twice}),
        _changes(_shaped(batch.records, table, twice), "replace"),
        _changes(_shaped(batch.records, table, deleted), "delete"),
    ]
    _merge(tables[name], table, pa.concat_tables([part for part in parts if len(part)]))


def _changes(shaped: pa.Table, change: str, *, unmatched: Iterable[str] = ()) -> pa.Table:
    """The source rows of a MERGE. An id that the table holds twice is deleted in all rows and inserted once."""
    skipped = set(unmatched)
    matched = [None if one in skipped else one for one in shaped["id"].to_pylist()]
    shaped = shaped.append_column("change", pa.array([change] * len(shaped), pa.string()))
    return shaped.append_column("matched_id", pa.array(matched, pa.string()))


def _merge(delta: DeltaTable, table: Table, changes: pa.Table) -> None:
    values = {quoted(name): f"s.{quoted(name)}" for name in table.columns}
    (
        delta.merge(changes, _MERGE.match, source_alias="s", target_alias="t", streamed_exec=False)
        .when_matched_delete(_MERGE.delete)
        .when_matched_update(values, _MERGE.update)
        .when_not_matched_insert(values, _MERGE.insert)
        .execute()
    )


def _append(tables: Opened, table: Table, rows: pa.Table, transaction: Transaction | None = None) -> None:
    properties = CommitProperties(app_transactions=[transaction]) if transaction else None
    append(tables[table.name], rows.cast(arrow_schema(table)), properties)


def _shaped(records: pa.Table, table: Table, decisions: Sequence[Decision]) -> pa.Table:
    """The decided records in the columns of their table."""
    rows = records.take(pa.array([decision.latest.row for decision in decisions], pa.int64()))
    columns = [rows[TYPED_COLUMNS.get(name, name)] for name in table.columns]
    # a deletion has only its id and its moment; Delta itself refuses nulls where there must be none
    nullable = pa.schema([field.with_nullable(True) for field in arrow_schema(table)])
    return pa.table(columns, names=table.columns).cast(nullable)


def _parts(judged: pa.Table) -> list[dict[str, Any]]:
    """Per topic and partition: the batch's offsets and its number of records."""
    counted = judged.group_by(["topic", "partition"]).aggregate(
        [("offset", "min"), ("offset", "max"), ("offset", "count")]
    )
    names = ("topic", "partition", "first_offset", "last_offset", "rows")
    columns = [
        counted[name].to_pylist() for name in ("topic", "partition", "offset_min", "offset_max", "offset_count")
    ]
    return [dict(zip(names, part, strict=True)) for part in sorted(zip(*columns, strict=True))]


def _unknown_fields(judged: pa.Table) -> list[dict[str, Any]]:
    """What `silver.rows.unknown_fields` says, of a few rows."""
    rows = judged.filter(pc.greater(pc.list_value_length(judged["unknown_fields"]), 0))
    fields: dict[tuple[str, str, str], dict[str, Any]] = {}
    for record in rows.select(["topic", "type", "kafka_timestamp", "unknown_fields"]).to_pylist():
        for unknown in record["unknown_fields"]:
            key = (unknown["field"], record["topic"], record["type"])
            known = fields.setdefault(key, {"rows": 0, "sample": None, "first_seen": record["kafka_timestamp"]})
            samples = [text for text in (known["sample"], unknown["sample"]) if text is not None]
            known["rows"] += 1
            known["sample"] = min(samples, default=None)
            known["first_seen"] = min(known["first_seen"], record["kafka_timestamp"])
    keys = sorted(fields)[:MOST_UNKNOWN]
    return [
        {"field": field, "topic": topic, "type": kind, **fields[field, topic, kind]} for field, topic, kind in keys
    ]


def _versions(tables: Opened) -> dict[str, int]:
    """The versions of the silver tables after this batch."""
    return {f"silver.{name}": table.version() for name, table in tables.items() if name != SILVER_BATCHES.name}
