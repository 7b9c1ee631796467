"""Which Kafka records the batch of a failed stream holds: what a person looks at first."""

from collections.abc import Mapping

import pyarrow as pa
from deltalake.exceptions import DeltaError

from lakehouse.errors import LakehouseError
from lakehouse.history.backlog import SILVER_SOURCES
from lakehouse.lakehouse import Lakehouse
from lakehouse.spark.checkpoints import Checkpoint, Offsets, delta_positions, kafka_offsets, read_checkpoint

_SHOWN = 6


def failed_batch(lake: Lakehouse, stream: str, *, bronze: Lakehouse | None = None) -> str:
    """The batch that the stream began and did not end: its number, and its offsets by topic and partition.

    "" if there is none, or if the checkpoint or bronze cannot be read. `bronze` is where silver reads,
    if that is not `lake`.
    """
    try:
        checkpoint = read_checkpoint(lake.folder, stream.replace(".", "/"))
        if checkpoint is None or checkpoint.began <= checkpoint.ended:
            return ""
        ranges = _of_silver(bronze or lake, checkpoint) if stream == "silver" else _of_bronze(checkpoint)
        return f"batch {checkpoint.began} ({_listed(ranges)})"
    except (
        LakehouseError,
        DeltaError,
        OSError,
        pa.ArrowException,
    ):  # the stream's own failure is the one to report
        return ""


def _of_bronze(checkpoint: Checkpoint) -> dict[str, tuple[int, int]]:
    after = kafka_offsets(checkpoint, checkpoint.began)
    return _between(kafka_offsets(checkpoint, checkpoint.began - 1) if checkpoint.began else {}, after)


def _of_silver(lake: Lakehouse, checkpoint: Checkpoint) -> dict[str, tuple[int, int]]:
    """The records of the bronze versions that the batch reads: a partition's offsets grow with the versions."""
    names = [table.sql_name for table in SILVER_SOURCES]
    after = delta_positions(checkpoint, checkpoint.began, names)
    before = delta_positions(checkpoint, checkpoint.began - 1, names) if checkpoint.began else {}
    ranges: dict[str, tuple[int, int]] = {}
    for name, position in after.items():
        start = before[name].version if name in before else -1
        if position.version > start:
            ranges |= _between(_next_offsets(lake, name, start), _next_offsets(lake, name, position.version))
    return ranges


def _next_offsets(lake: Lakehouse, table: str, version: int) -> Offsets:
    """The offset after the last record of each partition in that version of a bronze table."""
    if version < 0:
        return {}
    sql = 'SELECT topic, partition, max("offset") + 1 AS following FROM rows GROUP BY topic, partition'
    rows = lake.query(sql, rows=(table, version)).to_pylist()
    return {(row["topic"], row["partition"]): row["following"] for row in rows}


def _between(before: Offsets, after: Offsets) -> dict[str, tuple[int, int]]:
    """The first and the last new offset of each partition that has some, from 0 if none was read before."""
    return {
        f"{part[0]}-{part[1]}": (before.get(part, 0), following - 1)
        for part, following in sorted(after.items())
        if following > before.get(part, 0)
    }


def _listed(ranges: Mapping[str, tuple[int, int]]) -> str:
    shown = [f"{part} offsets {first} to {last}" for part, (first, last) in list(ranges.items())[:_SHOWN]]
    more = [f"and {len(ranges) - _SHOWN} more partitions"] if len(ranges) > _SHOWN else []
    return ", ".join(shown + more) or "no records"
