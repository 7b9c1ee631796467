"""Why records are in the quarantine, rule by rule, with a few examples."""

from collections.abc import Mapping
from typing import Any

from lakehouse.sql import quoted
from lakehouse.tables import SILVER_QUARANTINE
from operations.report.contents import Rejection, Rejections, Sample
from operations.report.pinned_tables import PinnedTables

_KEY = SILVER_QUARANTINE.key
# Characters of each record and value: enough to see what is wrong, on a page that stays small.
RECORD_LENGTH = 600


def read_rejections(snapshot: PinnedTables, *, samples_per_rule: int) -> Rejections | None:
    if not snapshot.has(SILVER_QUARANTINE):
        return None
    (totals,) = snapshot.query(
        "SELECT count(*) AS records, count(*) FILTER (WHERE status = 'open') AS waiting FROM quarantine",
        quarantine=SILVER_QUARANTINE,
    )
    placed = sampled(snapshot, per_rule=samples_per_rule)
    shown = _records(snapshot, {row["offset"] for row in placed})
    samples: dict[str, list[Sample]] = {}
    counts: dict[str, int] = {}
    for row in placed:
        counts[row["rule"]] = row["records"]
        samples.setdefault(row["rule"], []).append(_sample(shown[_key(row)], row["rule"]))
    rules = [Rejection(rule, count, tuple(samples[rule])) for rule, count in counts.items()]
    ordered = sorted(rules, key=lambda rejection: (-rejection.records, rejection.rule))
    return Rejections(totals["records"], totals["waiting"], tuple(ordered))


def sampled(snapshot: PinnedTables, *, per_rule: int) -> list[dict[str, Any]]:
    """The keys of the newest `per_rule` records of each rule, with the rule's number of records.

    A record that breaks a rule in several fields counts once.
    """
    return snapshot.query(
        f"""
        WITH reasons AS (SELECT {_columns()}, kafka_timestamp, unnest(reasons) AS reason FROM quarantine),
        broken AS (SELECT DISTINCT {_columns()}, kafka_timestamp, reason['rule'] AS rule FROM reasons),
        placed AS (
            SELECT *, count(*) OVER (PARTITION BY rule) AS records, row_number() OVER (
                PARTITION BY rule ORDER BY kafka_timestamp DESC, topic, partition, "offset" DESC
            ) AS place FROM broken
        )
        SELECT {_columns()}, rule, records FROM placed WHERE place <= {per_rule} ORDER BY rule, place
        """,  # noqa: S608
        quarantine=SILVER_QUARANTINE,
    )


def _records(snapshot: PinnedTables, offsets: set[int]) -> dict[tuple[Any, ...], dict[str, Any]]:
    """The records with these offsets, in any partition, by their keys."""
    if not offsets:
        return {}
    rows = snapshot.query(
        f"""
        SELECT {_columns()}, kafka_timestamp, reasons, value_raw, left(value, {RECORD_LENGTH}) AS value,
            character_length(value) AS length
        FROM quarantine WHERE "offset" IN ({", ".join(map(str, sorted(offsets)))})
        """,  # noqa: S608
        quarantine=SILVER_QUARANTINE,
    )
    return {_key(row): row for row in rows}


def _columns() -> str:
    return ", ".join(map(quoted, _KEY))


def _key(row: Mapping[str, Any]) -> tuple[Any, ...]:
    return tuple(row[name] for name in _KEY)


def _sample(row: Mapping[str, Any], rule: str) -> Sample:
    """The record as a sample of this rule, with the first field that broke it."""
    raw: bytes | None = row["value_raw"]
    if raw is None:
        record, length = row["value"] or "", row["length"] or 0
    else:
        # bytes that are not UTF-8 are shown as \xe9, so that what was sent stays recognisable
        record, length = raw[:RECORD_LENGTH].decode("utf-8", errors="backslashreplace"), len(raw)
    reason = next(reason for reason in row["reasons"] if reason["rule"] == rule)
    return Sample(
        topic=row["topic"],
        partition=row["partition"],
        offset=row["offset"],
        kafka_timestamp=row["kafka_timestamp"],
        field=reason["field"],
        value=reason["value"],
        record=record,
        missing=max(0, length - RECORD_LENGTH),
    )
