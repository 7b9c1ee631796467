"""Check that everything adds up, from Kafka's offsets to silver's rows: pure comparison of counts."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import NamedTuple

from operations.audit.ledger import Counts, Part, Totals
from operations.audit.resolutions import Resolutions

_NOTHING = Counts(None, None, *[0] * 10)


class Partition(NamedTuple):
    """One partition of one topic, compared across Kafka, bronze and silver; all in records.

    `missing`: in Kafka but not in bronze, though bronze's stream has passed them. `no_record`: offsets without a
    record (transactions and compaction leave them). `unread`: bronze's stream has not reached them. `expired`:
    Kafka dropped them before they were read. `unrefined`: silver's stream has not reached them.
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
    refined: int
    unrefined: int
    faults: tuple[str, ...]


def compare_partition(
    part: Part,
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
    found = counts or _NOTHING
    earliest, following = kafka or (None, None)
    starts = [offset for offset in (earliest, found.first) if offset is not None]
    begin = min(starts, default=0)
    reached = max(read_to or 0, begin, found.last + 1 if found.last is not None else 0)
    doubled = found.bronze_rows - found.bronze_records
    return Partition(
        topic=part[0],
        partition=part[1],
        kafka_first=earliest,
        kafka_next=following,
        bronze=found.bronze_rows,
        missing=missing,
        doubled=doubled,
        no_record=reached - begin - found.bronze_records - missing - lost,
        unread=max(0, following - reached) if following is not None else 0,
        expired=begin + lost,
        refined=found.refined,
        unrefined=found.bronze_rows - found.refined,
        faults=tuple(_faults(found, missing, missing_ranges, doubled, following, reached)),
    )


def _faults(
    found: Counts, missing: int, missing_ranges: str, doubled: int, following: int | None, reached: int
) -> list[str]:
    checks = {
        f"{missing:,} records that Kafka has are missing in bronze: {missing_ranges}": missing,
        f"{doubled:,} bronze rows are there twice": doubled,
        f"bronze has read up to offset {reached - 1:,}, beyond Kafka's last": (
            following is not None and reached > following
        ),
        f"{found.not_in_bronze:,} records of silver are not in bronze": found.not_in_bronze,
        f"{found.in_both:,} records are in silver and in its open quarantine": found.in_both,
        f"{found.silver_rows - found.silver_records:,} records have several rows in silver": (
            found.silver_rows - found.silver_records
        ),
        f"{found.quarantine_rows - found.quarantine_records:,} quarantined records are there twice": (
            found.quarantine_rows - found.quarantine_records
        ),
        f"silver's batches took {found.refined:,} rows of the {found.refinable:,} that bronze has up to there": (
            found.refined != found.refinable
        ),
    }
    return [text for text, is_fault in checks.items() if is_fault]


def compare_totals(totals: Totals, *, doubled: int = 0) -> list[str]:
    """Faults of silver as a whole. A record that is `doubled` in bronze is only once in the quarantine."""
    whole = totals.applied + totals.superseded + totals.deleted + totals.quarantined
    faults = []
    if whole != totals.rows_in:
        faults.append(f"silver's batches took {totals.rows_in:,} rows and tell of {whole:,}")
    if not 0 <= totals.quarantined - totals.quarantine <= doubled:
        faults.append(
            f"silver.batches tells of {totals.quarantined:,} quarantined rows, silver.quarantine holds "
            f"{totals.quarantine:,}"
        )
    if totals.entities > totals.applied + totals.resolved_applied:
        by_replays = f" and its replays {totals.resolved_applied:,}" if totals.resolved_applied else ""
        faults.append(
            f"silver holds {totals.entities:,} rows, and its batches applied {totals.applied:,} events{by_replays}"
        )
    return faults


def with_resolutions(totals: Totals, resolutions: Mapping[Part, Resolutions]) -> Totals:
    """The totals plus the outcomes of the resolved rows, over all partitions."""
    found = list(resolutions.values())
    return totals._replace(
        resolved=sum(one.resolved for one in found),
        resolved_applied=sum(one.applied for one in found),
        resolved_superseded=sum(one.superseded for one in found),
        resolved_deleted=sum(one.deleted for one in found),
    )


def resolution_faults(found: Resolutions) -> list[str]:
    """Faults of one partition's resolved rows."""
    checks = {
        f"{found.unexplained:,} quarantined records are resolved, but no replay recorded it": found.unexplained,
        f"{found.unfinished:,} corrected records are still open: lakehouse quarantine replay was interrupted, and "
        "finishes them when it runs again": found.unfinished,
        f"{found.repeated:,} records were corrected twice": found.repeated,
        f"{found.strange:,} corrected records are not in the quarantine": found.strange,
        f"{found.vanished:,} records were resolved, but silver has no trace of them": found.vanished,
    }
    return [text for text, is_fault in checks.items() if is_fault]


def all_faults(
    partitions: Mapping[Part, Partition],
    totals: Totals,
    resolutions: Mapping[Part, Resolutions] = MappingProxyType({}),
) -> list[str]:
    told = [(part, fault) for part, found in partitions.items() for fault in found.faults]
    told += [(part, fault) for part, found in resolutions.items() for fault in resolution_faults(found)]
    doubled = sum(found.doubled for found in partitions.values())
    return [f"{part[0]}-{part[1]}: {fault}" for part, fault in told] + compare_totals(totals, doubled=doubled)
