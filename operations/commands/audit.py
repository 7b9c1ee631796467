"""`lakehouse audit`: check that every record is accounted for, from Kafka's offsets to silver's rows."""

import argparse
from typing import Any

from pyspark.sql import SparkSession

from bronze.resume import accepted_losses
from lakehouse import storage
from lakehouse.broker.embedded import kafka_cluster
from lakehouse.folders import open_folder
from lakehouse.history.damage import require_whole_logs
from lakehouse.history.damage_errors import damage_named
from lakehouse.kafka.client import Cluster
from lakehouse.kafka.records import existing_offsets
from lakehouse.kafka.topics import end_offsets
from lakehouse.settings import Settings
from lakehouse.spark.checkpoints import Offsets, kafka_offsets, read_checkpoint, require_readable
from lakehouse.tables import CATALOGUE
from operations.audit.auditing import Partition, all_faults, compare_partition, with_resolutions
from operations.audit.ledger import BRONZE, Counts, Part, Totals, count_records, count_totals, gaps
from operations.audit.resolutions import count_resolutions
from operations.call import Call
from operations.output import print_json, print_table

# While streams run, tables change between two reads. A fault counts only if nothing has changed around it.
_ATTEMPTS = 5
_MOST_GAPS = 10_000
_SHOWN_RANGES = 3


def run(args: argparse.Namespace, call: Call) -> int:
    settings = call.settings
    with kafka_cluster(settings.kafka, settings.root) as cluster, call.spark() as spark:
        partitions, totals, faults = audit(spark, settings, cluster)
    if args.json:
        print_json(
            {
                "ok": not faults,
                "partitions": [_public(found) for found in partitions],
                "silver": totals._asdict(),
                "faults": faults,
            }
        )
    else:
        _show(partitions, totals, faults)
    return 1 if faults else 0


def audit(spark: SparkSession, settings: Settings, cluster: Cluster) -> tuple[list[Partition], Totals, list[str]]:
    """Every partition, silver's totals, and the faults; without faults everything adds up.

    Raises DamageError if a file of a table is damaged.
    """
    with damage_named(settings.root):
        require_whole_logs(settings.root, "bronze", "silver")
        return _audit(spark, settings, cluster)


def _audit(spark: SparkSession, settings: Settings, cluster: Cluster) -> tuple[list[Partition], Totals, list[str]]:
    for _ in range(_ATTEMPTS):
        before = _versions(spark, settings.root)
        partitions = _partitions(spark, settings, cluster)
        resolutions = count_resolutions(spark, settings.root)
        totals = with_resolutions(count_totals(spark, settings.root), resolutions)
        faults = all_faults(partitions, totals, resolutions)
        if not faults or _versions(spark, settings.root) == before:
            break
    return list(partitions.values()), totals, faults


def _versions(spark: SparkSession, root: str) -> dict[str, int]:
    return {
        table.sql_name: storage.latest_version(spark, root, table)
        for table in CATALOGUE
        if table.layer != "gold" and storage.exists(spark, root, table)
    }


def _partitions(spark: SparkSession, settings: Settings, cluster: Cluster) -> dict[Part, Partition]:
    root, kafka = settings.root, settings.kafka
    read_to: Offsets = {}
    lost: dict[Part, list[tuple[int, int]]] = {}
    for table in BRONZE:
        checkpoint = read_checkpoint(open_folder(root), f"bronze/{table.name}")
        if checkpoint is not None and checkpoint.ended >= 0:
            require_readable(checkpoint)
            read_to |= kafka_offsets(checkpoint, checkpoint.ended)
        if storage.exists(spark, root, table):
            for part, gone in accepted_losses(storage.detail(spark, root, table).properties).items():
                lost.setdefault(part, []).extend(gone)
    counted = count_records(spark, root)
    topics = {*kafka.topics, *(topic for topic, _ in counted)}
    offsets = end_offsets(cluster, topics, timeout_seconds=kafka.connect_timeout_seconds)
    found = {}
    for part in sorted({*counted, *offsets}):
        counts, known = counted.get(part), offsets.get(part)
        ranges = _missing(spark, settings, cluster, part, counts, kafka=known, read_to=read_to.get(part))
        found[part] = compare_partition(
            part,
            counts,
            kafka=known,
            read_to=read_to.get(part),
            missing=len(ranges),
            missing_ranges=_written(ranges),
            lost=sum(last - first + 1 for first, last in lost.get(part, [])),
        )
    return found


def _missing(
    spark: SparkSession,
    settings: Settings,
    cluster: Cluster,
    part: Part,
    counts: Counts | None,
    *,
    kafka: tuple[int, int] | None,
    read_to: int | None,
) -> list[int]:
    """Offsets of records that Kafka still has and bronze lacks, though its stream has passed them.

    An offset that bronze lacks may have no record: only Kafka itself can tell.
    """
    if kafka is None:
        return []
    earliest, following = kafka
    reached = min(read_to or 0, following)
    if counts is None or counts.first is None or counts.last is None:
        open_ranges = [(earliest, reached - 1)]
    else:
        open_ranges = [(earliest, counts.first - 1), (counts.last + 1, reached - 1)]
        if counts.last - counts.first + 1 > counts.bronze_records:
            open_ranges += gaps(spark, settings.root, part, limit=_MOST_GAPS)
    wanted = [(max(first, earliest), min(last, following - 1)) for first, last in open_ranges]
    wanted = [(first, last) for first, last in wanted if first <= last]
    return existing_offsets(cluster, part, wanted, timeout_seconds=settings.kafka.connect_timeout_seconds)


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


def _public(found: Partition) -> dict[str, Any]:
    return found._asdict() | {"faults": list(found.faults)}


def _show(partitions: list[Partition], totals: Totals, faults: list[str]) -> None:
    columns = ("topic", "partition", "in Kafka", "bronze", "missing", "doubled", "no record", "unread", "expired")
    rows = [
        (
            found.topic,
            found.partition,
            "gone" if found.kafka_next is None else f"{found.kafka_first:,} to {found.kafka_next:,}",
            *(found.bronze, found.missing, found.doubled, found.no_record, found.unread, found.expired),
        )
        for found in partitions
    ]
    print_table(columns, rows, title="Kafka to bronze, in records")
    refined = [
        (found.topic, found.partition, found.bronze, found.refined, found.unrefined) for found in partitions
    ]
    print_table(("topic", "partition", "bronze", "refined", "not yet refined"), refined, title="bronze to silver")
    print_table(
        ("taken", "applied", "superseded", "deleted", "quarantined", "rows in silver", "in quarantine"),
        [totals[:7]],
        title="what became of them",
    )
    if totals.resolved:
        print_table(
            ("resolved", "applied", "superseded", "deleted"),
            [totals[7:]],
            title="of those in quarantine, by replays",
        )
    for fault in faults:
        print(f"FAULT  {fault}")
    print("everything adds up" if not faults else f"{len(faults)} faults")
