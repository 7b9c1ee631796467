"""`lakehouse audit`: check that every record is accounted for, from Kafka's offsets to silver's rows."""

import argparse
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from typing import Any

from bronze.losses import accepted_losses
from lakehouse.broker.embedded import kafka_cluster, running_cluster
from lakehouse.errors import CheckNotRunError, MachineError
from lakehouse.folders import Folder, open_folder
from lakehouse.history import retention
from lakehouse.history.damage import require_whole_checkpoints, require_whole_logs
from lakehouse.history.damage_errors import damage_named
from lakehouse.kafka.client import Cluster
from lakehouse.kafka.meter import PartitionId
from lakehouse.kafka.records import existing_offsets
from lakehouse.kafka.topics import end_offsets
from lakehouse.lakehouse import Lakehouse
from lakehouse.settings import KafkaSettings, Settings
from lakehouse.spark.checkpoints import Offsets
from operations.audit.auditing import Partition, all_faults, compare_partition, with_resolutions
from operations.audit.ledger import BRONZE, Counts, Totals, count_records, count_totals, gaps
from operations.audit.pinned import Pinned
from operations.audit.positions import is_writing, read_to
from operations.audit.resolutions import count_resolutions
from operations.call import Call
from operations.output import print_json, print_table

# While streams run, tables change between being opened, and silver writes a batch in several commits. A fault
# counts only if nothing has changed around it and no batch is being written: counting is faster than a commit.
_ATTEMPTS = 5
_BATCH_SECONDS = 10.0
_POLL_SECONDS = 0.1
_MOST_GAPS = 10_000
_SHOWN_RANGES = 3


def run(args: argparse.Namespace, call: Call) -> int:
    settings = call.settings
    with _answering_cluster(settings.kafka, settings.root) as cluster:
        partitions, totals, faults = audit(settings, cluster)
    removed = _removed_before(Lakehouse(settings.root))
    if args.json:
        print_json(
            {
                "ok": not faults,
                "partitions": [_public(partition) for partition in partitions],
                "removed_before": removed,
                "silver": totals._asdict(),
                "faults": faults,
            }
        )
    else:
        _show(partitions, totals, removed, faults)
    return 1 if faults else 0


@contextmanager
def _answering_cluster(kafka: KafkaSettings, root: str) -> Iterator[Cluster]:
    """The cluster to ask; the start of an embedded broker, and how long it took, is said on stderr."""
    is_running, started = running_cluster(kafka, root) is not None, time.monotonic()
    if not is_running:
        print("no Kafka broker runs: starting the embedded one", file=sys.stderr, flush=True)
    try:
        with kafka_cluster(kafka, root) as cluster:
            if not is_running:
                print(f"it answered after {time.monotonic() - started:.1f} s", file=sys.stderr, flush=True)
            yield cluster
    except MachineError as error:
        raise MachineError(
            f"no Kafka broker runs, and the embedded one cannot start: {error.problem}",
            todo=f"set kafka.bootstrap_servers to a cluster, or {error.todo}",
        ) from error


def audit(settings: Settings, cluster: Cluster) -> tuple[list[Partition], Totals, list[str]]:
    """Every partition, silver's totals, and the faults; without faults everything adds up.

    Raises DamageError if a file of a table or of a checkpoint is damaged.
    """
    with damage_named(settings.root):
        require_whole_checkpoints(settings.root)
        require_whole_logs(settings.root, "bronze", "silver")
        return _audit(settings, cluster)


def _audit(settings: Settings, cluster: Cluster) -> tuple[list[Partition], Totals, list[str]]:
    lake, folder = Lakehouse(settings.root), open_folder(settings.root)
    for _ in range(_ATTEMPTS):
        positions = _positions(folder)  # before the tables: bronze then holds what its streams have read
        tables = Pinned(lake)
        partitions = _partitions(settings.kafka, cluster, tables, positions)
        resolutions = count_resolutions(tables)
        totals = with_resolutions(count_totals(tables), resolutions)
        faults = all_faults(partitions, totals, resolutions)
        if not faults or (not _batch_has_ended(folder) and tables.is_current()):
            break
    return list(partitions.values()), totals, faults


def _removed_before(lake: Lakehouse) -> dict[str, datetime]:
    """By table of bronze, the time before which retention has removed what bronze had read."""
    tables = [(table.sql_name, lake.delta(table)) for table in BRONZE if lake.exists(table)]
    return {name: until for name, opened in tables if (until := retention.removed_until(opened))}


def _batch_has_ended(folder: Folder) -> bool:
    """Whether silver was writing a batch and has finished it. Waits for that; a stopped stream never does."""
    deadline = time.monotonic() + _BATCH_SECONDS
    was_writing = is_writing(folder)
    while is_writing(folder) and time.monotonic() < deadline:
        time.sleep(_POLL_SECONDS)
    return was_writing and not is_writing(folder)


def _positions(folder: Folder) -> Offsets:
    return {part: offset for table in BRONZE for part, offset in read_to(folder, table).items()}


def _partitions(
    kafka: KafkaSettings, cluster: Cluster, tables: Pinned, positions: Offsets
) -> dict[PartitionId, Partition]:
    counted = count_records(tables)
    lost = _lost(tables)
    topics = {*kafka.topics, *(topic for topic, _ in counted)}
    offsets = end_offsets(cluster, topics, timeout_seconds=kafka.connect_timeout_seconds)
    partitions = {}
    for part in sorted({*counted, *offsets}):
        counts, known = counted.get(part), offsets.get(part)
        wanted = _unseen(tables, part, counts, kafka=known, reached=positions.get(part, 0))
        missing = existing_offsets(cluster, part, wanted, timeout_seconds=kafka.connect_timeout_seconds)
        partitions[part] = compare_partition(
            part,
            counts,
            kafka=known,
            read_to=positions.get(part),
            missing=len(missing),
            missing_ranges=_written(missing),
            lost=lost.get(part, 0),
        )
    return partitions


def _lost(tables: Pinned) -> dict[PartitionId, int]:
    """By partition, how many records were accepted as lost."""
    lost: dict[PartitionId, int] = {}
    for table in BRONZE:
        for part, gone in accepted_losses(tables.properties(table)).items():
            lost[part] = lost.get(part, 0) + sum(last - first + 1 for first, last in gone)
    return lost


def _unseen(
    tables: Pinned, part: PartitionId, counts: Counts | None, *, kafka: tuple[int, int] | None, reached: int
) -> list[tuple[int, int]]:
    """Ranges of offsets (first, last) that Kafka may have and bronze lacks, though its stream has passed them.

    An offset that bronze lacks may have no record: only Kafka itself can tell. What retention removed is no such
    offset.
    """
    if kafka is None:
        return []
    earliest, following = kafka
    reached = min(reached, following)
    kept = counts.removed.next_offset if counts else 0
    if counts is None or counts.first is None or counts.last is None:
        open_ranges = [(earliest, reached - 1)]
    else:
        open_ranges = [(earliest, counts.first - 1), (counts.last + 1, reached - 1)]
        if counts.last - counts.first + 1 > counts.bronze_records:
            open_ranges += _gaps(tables, part)
    wanted = [(max(first, earliest, kept), min(last, following - 1)) for first, last in open_ranges]
    return [(first, last) for first, last in wanted if first <= last]


def _gaps(tables: Pinned, part: PartitionId) -> list[tuple[int, int]]:
    """The ranges between bronze's records. Raises CheckNotRunError if they are too many to ask Kafka about."""
    ranges = gaps(tables, part, limit=_MOST_GAPS + 1)
    if len(ranges) > _MOST_GAPS:
        topic, partition = part
        raise CheckNotRunError(
            f"bronze has over {_MOST_GAPS:,} gaps in {topic} partition {partition}, too many to compare",
            todo="a transactional producer leaves one per transaction; compare that topic by hand, in parts",
        )
    return ranges


def _written(offsets: list[int]) -> str:
    """Offsets as ranges, only the first few."""
    ranges: list[list[int]] = []
    for offset in offsets:
        if ranges and ranges[-1][1] == offset - 1:
            ranges[-1][1] = offset
        else:
            ranges.append([offset, offset])
    shown = [f"{first}" if first == last else f"{first}-{last}" for first, last in ranges[:_SHOWN_RANGES]]
    return ", ".join(shown + ["..."] * (len(ranges) > _SHOWN_RANGES))


def _public(partition: Partition) -> dict[str, Any]:
    return partition._asdict() | {"faults": list(partition.faults)}


def _show(partitions: list[Partition], totals: Totals, removed: Mapping[str, datetime], faults: list[str]) -> None:
    columns = (
        "topic",
        "partition",
        "in Kafka",
        "bronze",
        "missing",
        "doubled",
        "no record",
        "unread",
        "expired",
        "removed",
    )
    rows = [
        (
            partition.topic,
            partition.partition,
            "gone" if partition.kafka_next is None else f"{partition.kafka_first:,} to {partition.kafka_next:,}",
            *(
                partition.bronze,
                partition.missing,
                partition.doubled,
                partition.no_record,
                partition.unread,
                partition.expired,
                partition.removed,
            ),
        )
        for partition in partitions
    ]
    print_table(columns, rows, title="Kafka to bronze, in records")
    refined = [
        (partition.topic, partition.partition, partition.bronze, partition.refined, partition.unrefined)
        for partition in partitions
    ]
    print_table(("topic", "partition", "bronze", "refined", "not yet refined"), refined, title="bronze to silver")
    print_table(
        ("taken", "applied", "superseded", "deleted", "quarantined", "rows in silver", "in quarantine"),
        [totals[:7]],
        title="outcomes in silver",
    )
    if totals.resolved:
        print_table(
            ("resolved", "applied", "superseded", "deleted"),
            [totals[7:]],
            title="quarantined records, resolved by replays",
        )
    for name, until in removed.items():
        print(f"{name}: records that bronze read before {until:%Y-%m-%d} were removed (bronze.keep_days)")
    for fault in faults:
        print(f"FAULT  {fault}")
    print("everything adds up" if not faults else f"{len(faults)} faults")
