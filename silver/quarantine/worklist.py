"""The quarantine as people view it: its rows with the corrections of silver.corrections applied. No Spark."""

import difflib
from collections import Counter
from collections.abc import Mapping
from datetime import date
from typing import Any, NamedTuple

import pyarrow as pa
import pyarrow.compute as pc

from lakehouse.errors import InputError
from lakehouse.lakehouse import Lakehouse
from lakehouse.sql import quoted
from lakehouse.tables import SILVER_CORRECTIONS, SILVER_QUARANTINE
from silver.rules import RULE_NAMES

OPEN = "open"
# What identifies a Kafka record.
RECORD = SILVER_QUARANTINE.key

_KEY = ", ".join(map(quoted, RECORD))
# The last correction of a record counts; bronze, and so the quarantine, may hold a record twice.
_LOG = "SELECT {key}, value, row_number() OVER (PARTITION BY {key} ORDER BY replay_id DESC) AS place FROM log"
_NO_LOG = "SELECT {key}, value, 0 AS place FROM quarantine WHERE false"
_ENTRIES = """
WITH corrections AS ({log}),
rejected AS (
    SELECT *, row_number() OVER (PARTITION BY {key} ORDER BY quarantined_at, status) AS place FROM quarantine
)
SELECT {columns}, rejected.value AS sent, corrections.value AS corrected
FROM rejected LEFT JOIN corrections ON corrections.place = 1 AND {same_record}
WHERE rejected.place = 1
"""


ReasonRow = Mapping[str, Any]


class _Place(NamedTuple):
    rule: str
    topic: str
    day: date


class RejectedGroup(NamedTuple):
    """The open rows that break one rule in one topic, of one UTC day of the Kafka timestamp.

    `sample` is the first of them in Kafka order; its `reason` is the one for this rule.
    """

    rule: str
    topic: str
    day: date
    rows: int
    sample: Mapping[str, Any]


def entries(lake: Lakehouse) -> pa.Table:
    """Every quarantined record in its current state.

    The columns of silver.quarantine without `value`, and two in its place: `sent`, the value in Kafka, and
    `corrected`, the corrected value, null if there is none.
    """
    tables = {"quarantine": SILVER_QUARANTINE}
    if lake.exists(SILVER_CORRECTIONS):
        tables["log"] = SILVER_CORRECTIONS
    columns = [name for name in SILVER_QUARANTINE.columns if name != "value"]
    sql = _ENTRIES.format(
        log=(_LOG if "log" in tables else _NO_LOG).format(key=_KEY),
        key=_KEY,
        columns=", ".join(f"rejected.{quoted(name)}" for name in columns),
        same_record=" AND ".join(f"rejected.{name} = corrections.{name}" for name in map(quoted, RECORD)),
    )
    return lake.query(sql, **tables)


def count_by_status(rejected: pa.Table) -> dict[str, int]:
    counted = Counter(rejected["status"].to_pylist())
    return {status: counted[status] for status in (OPEN, "resolved")}


def by_rule(rejected: pa.Table) -> list[RejectedGroup]:
    """The open rows in groups; the rule with most rows first, then by topic and day."""
    rows = _open(rejected)
    counts: Counter[_Place] = Counter()
    first: dict[_Place, tuple[int, ReasonRow]] = {}
    for number, row in enumerate(rows.select(["topic", "kafka_timestamp", "reasons"]).to_pylist()):
        for rule, reason in _first_reasons(row["reasons"]).items():
            place = _Place(rule, row["topic"], row["kafka_timestamp"].date())
            counts[place] += 1
            first.setdefault(place, (number, reason))
    of_rule: Counter[str] = Counter()
    for place, count in counts.items():
        of_rule[place.rule] += count
    ordered = sorted(counts, key=lambda place: (-of_rule[place.rule], place))
    samples = _samples(rows, [first[place] for place in ordered])
    return [RejectedGroup(*place, counts[place], sample) for place, sample in zip(ordered, samples, strict=True)]


def of_rule(rejected: pa.Table, rule: str, *, limit: int | None = None) -> list[dict[str, Any]]:
    """The first open rows that break the rule, in Kafka order; `value` in its current state, bytes as hex."""
    rows = _open(rejected)
    chosen = rows.filter(_breaking(rows, rule)).slice(0, limit)
    return [
        {
            **{name: row[name] for name in (*RECORD, "kafka_timestamp")},
            "key": _text(row["key"], row["key_raw"]),
            **{name: row[name] for name in ("type", "id", "reasons")},
            "value": _text(row["sent"] if row["corrected"] is None else row["corrected"], row["value_raw"]),
            "is_corrected": row["corrected"] is not None,
            "quarantined_at": row["quarantined_at"],
        }
        for row in chosen.to_pylist()
    ]


def require_rule(rejected: pa.Table, rule: str) -> None:
    """Raise InputError for a rule that silver does not have and that no quarantined record broke."""
    if rule in RULE_NAMES or pc.any(_breaking(rejected, rule)).as_py():
        return
    close = difflib.get_close_matches(rule, RULE_NAMES, n=1)
    hint = f"did you mean {close[0]}?" if close else "lakehouse quarantine lists those that are broken"
    raise InputError(f"no rule {rule!r}", todo=hint)


def _open(rejected: pa.Table) -> pa.Table:
    return rejected.filter(pc.equal(rejected["status"], OPEN)).sort_by([(name, "ascending") for name in RECORD])


def _breaking(rows: pa.Table, rule: str) -> pa.Array:
    reasons = rows["reasons"].to_pylist()
    return pa.array([any(reason["rule"] == rule for reason in row) for row in reasons], pa.bool_())


def _first_reasons(reasons: list[ReasonRow]) -> dict[str, ReasonRow]:
    """Each broken rule once, with its first reason."""
    return {reason["rule"]: reason for reason in reversed(reasons)}


def _samples(rows: pa.Table, chosen: list[tuple[int, ReasonRow]]) -> list[dict[str, Any]]:
    """The rows of these numbers, with the reason and the value in Kafka."""
    numbers = pa.array([number for number, _ in chosen], pa.int64())
    columns = (*RECORD, "key", "id", "type")
    samples = rows.select([*columns, "sent", "value_raw"]).take(numbers).to_pylist()
    return [
        {**{name: row[name] for name in columns}, "reason": reason, "sent": _text(row["sent"], row["value_raw"])}
        for row, (_, reason) in zip(samples, chosen, strict=True)
    ]


def _text(text: str | None, raw: bytes | None) -> str | None:
    """The text, or as hex digits the bytes that are not text."""
    return text if text is not None or raw is None else raw.hex().upper()
