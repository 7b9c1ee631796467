"""How far each layer is behind the one before it, from checkpoints and logs alone: no Spark, no JVM."""

import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from lakehouse.folders import Folder
from lakehouse.history.commits import commits, lineage_of, rows_added
from lakehouse.history.snapshots import read_snapshot
from lakehouse.kafka.meter import KafkaMeter, PartitionId
from lakehouse.lakehouse import Lakehouse
from lakehouse.spark.checkpoints import DeltaPosition, Offsets, as_offsets, as_position, last_batch
from lakehouse.tables import BRONZE_EVENTS, BRONZE_FEEDBACK, SILVER_BATCHES, Table

# In the order in which stream 2 reads them and its checkpoint lists their positions.
SILVER_SOURCES = (BRONZE_EVENTS, BRONZE_FEEDBACK)


class KafkaBacklog(NamedTuple):
    """Kafka records that a bronze table does not have yet. If that cannot be determined, `unknown` says why.

    `seconds`: how long the oldest of them has waited, by its Kafka timestamp; 0 if none waits. A record sent with
    an old timestamp, as in a replay, counts from that timestamp.
    """

    records: int | None
    seconds: float | None
    unknown: str = ""


class PartitionBacklog(NamedTuple):
    """The part of a KafkaBacklog that is in one partition; `seconds` is None if no record arrived in time."""

    records: int
    seconds: float | None


class SilverBacklog(NamedTuple):
    """Bronze versions with new rows that silver has not read, and the age of the oldest of them."""

    versions: int | None
    rows: int | None
    seconds: float | None
    unknown: str = ""


def kafka_backlog(
    lake: Lakehouse, table: Table, topics: Sequence[str], meter: KafkaMeter, *, now: datetime
) -> KafkaBacklog:
    """What bronze's stream into that table has yet to read. Raises BrokerError if Kafka does not answer."""
    parts = partition_backlogs(lake, table, topics, meter, now=now)
    if parts is None:
        return KafkaBacklog(None, None, "the checkpoint is gone: the next run resumes after the rows of the table")
    waiting = [part for part in parts.values() if part.records]
    seconds = [part.seconds for part in waiting if part.seconds is not None]
    return KafkaBacklog(sum(part.records for part in waiting), max(seconds, default=None if waiting else 0.0))


def partition_backlogs(
    lake: Lakehouse, table: Table, topics: Sequence[str], meter: KafkaMeter, *, now: datetime
) -> dict[PartitionId, PartitionBacklog] | None:
    """What bronze's stream has yet to read, by partition; None if nobody can know. Raises BrokerError."""
    if not topics:
        return {}
    read_to = _kafka_position(lake.folder, f"bronze/{table.name}")
    if read_to is None and _holds_rows(lake, table):
        return None
    waiting = {
        part: (max(earliest, (read_to or {}).get(part, earliest)), following)
        for part, (earliest, following) in meter.offsets(topics).items()
    }
    behind = {part: start for part, (start, following) in waiting.items() if start < following}
    oldest = meter.first_timestamps(behind) if behind else {}
    ages = {part: _age(oldest[part], now) if part in oldest else None for part in behind}
    return {
        part: PartitionBacklog(max(0, following - start), ages.get(part, 0.0))
        for part, (start, following) in waiting.items()
    }


def silver_backlog(lake: Lakehouse, *, now: datetime) -> SilverBacklog:
    """What stream 2 has yet to read from both bronze tables."""
    read_to = silver_positions(lake.folder)
    if read_to is None and _holds_rows(lake, SILVER_BATCHES):
        return SilverBacklog(None, None, None, "the checkpoint is gone: lakehouse rebuild silver")
    counts: list[tuple[int, datetime | None]] = []
    for table in SILVER_SOURCES:
        position = (read_to or {}).get(table.sql_name)
        for commit in commits(lake, table, after=-1 if position is None else position.version):
            rows = rows_added(commit)
            if rows:
                counts.append((rows, commit.written_at))
    if not counts:
        return SilverBacklog(0, 0, 0.0)
    oldest = min((at for _, at in counts if at is not None), default=None)
    seconds = None if oldest is None else _age(oldest, now)
    return SilverBacklog(len(counts), sum(rows for rows, _ in counts), seconds)


def input_backlog(lake: Lakehouse, table: Table) -> Mapping[str, int] | None:
    """How many versions each input of a gold table is ahead of the one that the table was built from, if any.

    None if no commit of the table records its inputs.
    """
    inputs = latest_lineage(lake, table)
    if inputs is None:
        return None
    behind = {}
    for name, version in sorted(inputs.items()):
        latest = lake.versions(name)
        if latest and latest[-1] > version:
            behind[name] = latest[-1] - version
    return behind


def latest_lineage(lake: Lakehouse, table: Table) -> Mapping[str, int] | None:
    """The input versions that a gold table's rows were built from, by its last commit that records them."""
    return lineage_of(lake, table, lake.version(table)) if lake.exists(table) else None


def _kafka_position(root: Folder, stream: str) -> Offsets | None:
    """The next offset of each partition after the last completed batch; None if there is no checkpoint."""
    checkpoint = root / "checkpoints" / stream
    if "metadata" not in checkpoint.names():
        return None
    ended = last_batch(checkpoint / "commits")
    lines = _offset_lines(checkpoint, ended) if ended >= 0 else []
    return as_offsets(lines[0]) if lines and lines[0] else {}


def silver_positions(root: Folder) -> dict[str, DeltaPosition] | None:
    """How far completed batches have read each bronze table; None if there is no checkpoint."""
    offsets = silver_offsets(root)
    return None if offsets is None else {name: whole_versions(line) for name, line in offsets.items()}


def silver_offsets(root: Folder) -> dict[str, Mapping[str, Any]] | None:
    """The offset in each bronze table after the last completed batch; None if there is no checkpoint."""
    checkpoint = root / "checkpoints" / "silver"
    if "metadata" not in checkpoint.names():
        return None
    ended = last_batch(checkpoint / "commits")
    if ended < 0:
        return {}
    lines = zip(SILVER_SOURCES, _offset_lines(checkpoint, ended), strict=False)
    return {table.sql_name: line for table, line in lines if line is not None}


def silver_restarts_from(root: Folder) -> dict[str, int]:
    """By bronze table, the first version that stream 2 reads when it starts again; none without a checkpoint.

    It begins with its last batch, even a complete one: Spark asks Delta for those rows once more.
    """
    checkpoint = root / "checkpoints" / "silver"
    last = max(last_batch(checkpoint / log) for log in ("offsets", "commits"))
    starts: dict[str, int] = {}
    for batch in range(max(last - 1, 0), last + 1):
        for table, line in zip(SILVER_SOURCES, _offset_lines(checkpoint, batch), strict=False):
            if line is not None:
                starts.setdefault(table.sql_name, _first_version(line))
    return starts


def _first_version(line: Mapping[str, Any]) -> int:
    """The version that a stream reads after this offset: in part, or before the changes of the next one."""
    return int(line["reservoirVersion"]) if line.get("isStartingVersion") else as_position(line).version


def whole_versions(line: Mapping[str, Any]) -> DeltaPosition:
    """The position before the version, or the table's initial snapshot, that a batch has read only in part."""
    position = as_position(line)
    if int(line["index"]) < 0:
        return position
    return position._replace(version=-1 if line.get("isStartingVersion") else position.version - 1)


def _holds_rows(lake: Lakehouse, table: Table) -> bool:
    return lake.exists(table) and read_snapshot(lake, table).files > 0


def _offset_lines(checkpoint: Folder, batch_id: int) -> list[Any]:
    """One offset per source of the query; None for a dash, which means no offset."""
    lines = (checkpoint / "offsets").read(str(batch_id)).decode().splitlines()
    # after the log's version and the batch's metadata
    return [None if line == "-" else json.loads(line) for line in lines[2:]]


def _age(moment: datetime, now: datetime) -> float:
    return round(max(0.0, (now - moment).total_seconds()), 1)
