"""Check that everything adds up, from Kafka's offsets to silver's rows: pure comparison of counts."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import NamedTuple

from lakehouse.history.retention import Removed
from lakehouse.kafka.meter import PartitionId
from operations.audit.ledger import Counts, Totals
from operations.audit.resolutions import Resolutions

_NOTHING = Counts(None, None, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, Removed(0, 0, 0, 0))


class Partition(NamedTuple):
    """One partition of one topic, compared across Kafka, bronze and silver; all in records.

    `missing`: in Kafka but not in bronze, though bronze's stream has passed them. `no_record`: offsets without a
    record (transactions and compaction leave them). `unread`: bronze's stream has not reached them. `expired`:
    Kafka dropped them before they were read. `removed`: bronze had them for as long as it keeps records.
    `unrefined`: silver's stream has not reached them.
    """

    topic: str
    partition: int
    kafka_first: int | None
    kafka_next: int | None
    bronze: int
    missing: int
    doubled: int
    no_record: int
    unread: int
    expired: int
    removed: int
    refined: int
    unrefined: int
    faults: tuple[str, ...]


def compare_partition(
    part: PartitionId,
    counts: Counts | None,
    *,
    kafka: tuple[int, int] | None,
    read_to: int | None,
    missing: int,
    missing_ranges: str,
    lost: int,
) -> Partition:
    """Compare one partition. `kafka` is (earliest, next offset), None if the topic is gone.

    `read_to` is the next offset that bronze reads. `missing` is how many records below it Kafka still has and
    bronze lacks, and `missing_ranges` which ones; `lost` is how many were accepted as lost when the stream resumed
    after them.
    """
    counted = counts or _NOTHING
    earliest, following = kafka or (None, None)
    gone = counted.removed
    starts = [offset for offset in (earliest, counted.first) if offset is not None]
    begin = min([*starts, gone.first_offset] if gone.next_offset else starts, default=0)
    reached = max(read_to or 0, begin, counted.last + 1 if counted.last is not None else 0, gone.next_offset)
    doubled = counted.bronze_rows - counted.bronze_records
    return Partition(
        topic=part[0],
        partition=part[1],
        kafka_first=earliest,
        kafka_next=following,
        bronze=counted.bronze_rows,
        missing=missing,
        doubled=doubled,
        no_record=reached - begin - counted.bronze_records - gone.records - missing - lost,
        unread=max(0, following - reached) if following is not None else 0,
        expired=begin + lost,
        removed=gone.records,
        refined=counted.refined,
        unrefined=counted.bronze_rows + gone.rows - counted.refined,
        faults=tuple(_faults(counted, missing, missing_ranges, doubled, following, reached)),
    )


def _faults(
    sums: Counts, missing: int, missing_ranges: str, doubled: int, following: int | None, reached: int
) -> list[str]:
    checks = {
        f"{missing:,} records that Kafka has are missing in bronze: {missing_ranges}": missing,
        f"{doubled:,} bronze rows are there twice": doubled,
        f"bronze has read up to offset {reached - 1:,}, beyond Kafka's last": (
            following is not None and reached > following
        ),
        f"{sums.not_in_bronze:,} records of silver are not in bronze": sums.not_in_bronze,
        f"{sums.in_both:,} records are in silver and in its open quarantine": sums.in_both,
        f"{sums.silver_rows - sums.silver_records:,} records have several rows in silver": (
            sums.silver_rows - sums.silver_records
        ),
        f"{sums.quarantine_rows - sums.quarantine_records:,} quarantined records are there twice": (
            sums.quarantine_rows - sums.quarantine_records
        ),
        f"silver's batches took {sums.refined:,} rows of the {sums.refinable:,} that bronze has up to there": (
            sums.refined != sums.refinable
        ),
    }
    return [text for text, is_fault in checks.items() if is_fault]


def compare_totals(totals: Totals, *, doubled: int = 0) -> list[str]:
    """Faults of silver as a whole. A record that is `doubled` in bronze is only once in the quarantine."""
    whole = totals.applied + totals.superseded + totals.deleted + totals.quarantined
    faults = []
    if whole != totals.rows_in:
        faults.append(f"silver's batches took {totals.rows_in:,} rows and report {whole:,}")
    if not 0 <= totals.quarantined - totals.quarantine <= doubled:
        faults.append(
            f"silver.batches reports {totals.quarantined:,} quarantined rows, silver.quarantine holds "
            f"{totals.quarantine:,}"
        )
    if totals.entities > totals.applied + totals.resolved_applied:
        by_replays = f" and its replays {totals.resolved_applied:,}" if totals.resolved_applied else ""
        faults.append(
            f"silver holds {totals.entities:,} rows, and its batches applied {totals.applied:,} events{by_replays}"
        )
    return faults


def with_resolutions(totals: Totals, resolutions: Mapping[PartitionId, Resolutions]) -> Totals:
    """The totals plus the outcomes of the resolved rows, over all partitions."""
    resolved = list(resolutions.values())
    return totals._replace(
        resolved=sum(one.resolved for one in resolved),
        resolved_applied=sum(one.applied for one in resolved),
        resolved_superseded=sum(one.superseded for one in resolved),
        resolved_deleted=sum(one.deleted for one in resolved),
    )


def resolution_faults(sums: Resolutions) -> list[str]:
    """Faults of one partition's resolved rows."""
    checks = {
        f"{sums.unexplained:,} quarantined records are resolved, but no replay recorded it": sums.unexplained,
        f"{sums.unfinished:,} corrected records are still open: lakehouse quarantine replay is still running, or "
        "was interrupted and finishes them when it runs again": sums.unfinished,
        f"{sums.repeated:,} records were corrected twice": sums.repeated,
        f"{sums.strange:,} corrected records are not in the quarantine": sums.strange,
        f"{sums.vanished:,} records were resolved, but silver has no trace of them": sums.vanished,
    }
    return [text for text, is_fault in checks.items() if is_fault]


def all_faults(
    partitions: Mapping[PartitionId, Partition],
    totals: Totals,
    resolutions: Mapping[PartitionId, Resolutions] = MappingProxyType({}),
) -> list[str]:
    faults = [(part, fault) for part, partition in partitions.items() for fault in partition.faults]
    faults += [(part, fault) for part, partition in resolutions.items() for fault in resolution_faults(partition)]
    doubled = sum(partition.doubled for partition in partitions.values())
    return [f"{part[0]}-{part[1]}: {fault}" for part, fault in faults] + compare_totals(totals, doubled=doubled)
