"""What the tables say about quarantined records that a replay resolved, counted per partition."""

from typing import NamedTuple

from lakehouse.kafka.meter import PartitionId
from lakehouse.sql import in_part, quoted
from lakehouse.tables import SILVER_CORRECTIONS, SILVER_QUARANTINE
from lakehouse.tables.silver import PROVENANCE
from operations.audit.ledger import STATE, removed
from operations.audit.pinned import Pinned

# The values that decide which of two events wins, compared from the first to the last.
_MOMENT = f"struct({', '.join(quoted(column.name) for column in PROVENANCE)}) AS moment"
# Each record's last correction, and whether one replay recorded it twice or two replays resolved it.
_LAST = """
    SELECT * FROM (
        SELECT *, bool_or(is_again) OVER (PARTITION BY topic, partition, "offset") AS is_repeated,
            row_number() OVER (PARTITION BY topic, partition, "offset" ORDER BY replay_id DESC) AS age
        FROM (
            SELECT *,
                replay_id = lag(replay_id) OVER in_order
                    OR (is_resolved AND lag(is_resolved) OVER in_order) AS is_again
            FROM (
                SELECT *, outcome IN ('applied', 'superseded', 'deleted') AS is_resolved,
                    {moment}
                FROM silver_corrections
            )
            WINDOW in_order AS (PARTITION BY topic, partition, "offset" ORDER BY replay_id)
        )
    ) WHERE age = 1
"""
# An event can be superseded in its own table or by a deletion, a deletion by an event in any table.
_HELD = """
    SELECT DISTINCT last.topic, last.partition, last."offset"
    FROM last INNER JOIN state ON state.id = last.id AND state.moment >= last.moment
    WHERE last.is_resolved AND (state.name = last.target OR 'tombstones' IN (state.name, last.target))
"""
_KNOWN = """
    SELECT last.*, held.topic IS NOT NULL AS is_held
    FROM last LEFT JOIN held
    ON held.topic = last.topic AND held.partition = last.partition AND held."offset" = last."offset"
"""
_RECORDS = """
    SELECT coalesce(quarantine.topic, known.topic) AS topic,
        coalesce(quarantine.partition, known.partition) AS partition,
        coalesce(quarantine."offset", known."offset") AS "offset",
        status, outcome, coalesce(is_resolved, false) AS is_resolved, is_repeated, is_held
    FROM (SELECT topic, partition, "offset", status FROM silver_quarantine) AS quarantine FULL JOIN known
    ON quarantine.topic = known.topic AND quarantine.partition = known.partition
        AND quarantine."offset" = known."offset"
    WHERE status = 'resolved' OR outcome IS NOT NULL
"""
_COUNTS = """
    SELECT topic, partition,
        count(*) FILTER (WHERE status = 'resolved') AS resolved,
        count(*) FILTER (WHERE status = 'resolved' AND outcome = 'applied') AS applied,
        count(*) FILTER (WHERE status = 'resolved' AND outcome = 'superseded') AS superseded,
        count(*) FILTER (WHERE status = 'resolved' AND outcome = 'deleted') AS deleted,
        count(*) FILTER (WHERE status = 'resolved' AND NOT is_resolved) AS unexplained,
        count(*) FILTER (WHERE status = 'open' AND is_resolved) AS unfinished,
        count(*) FILTER (WHERE is_repeated) AS repeated,
        count(*) FILTER (WHERE status IS NULL AND NOT ({removed})) AS strange,
        count(*) FILTER (WHERE status = 'resolved' AND is_resolved AND NOT is_held) AS vanished
    FROM records GROUP BY 1, 2
"""
_NOT_CORRECTED = """
    SELECT topic, partition, count(*) AS resolved, count(*) AS unexplained
    FROM silver_quarantine WHERE status = 'resolved' GROUP BY 1, 2
"""


class Resolutions(NamedTuple):
    """One partition of one topic, in records.

    `resolved` is from silver.quarantine; `applied`, `superseded` and `deleted` are their outcomes in
    silver.corrections. The rest are faults: `unexplained` are resolved without a correction, `unfinished`
    corrected but not carried out, `repeated` corrected twice, `strange` corrected but not quarantined, although
    bronze still has to have them, and `vanished` resolved although silver holds nothing as late for their id.
    """

    resolved: int = 0
    applied: int = 0
    superseded: int = 0
    deleted: int = 0
    unexplained: int = 0
    unfinished: int = 0
    repeated: int = 0
    strange: int = 0
    vanished: int = 0


def count_resolutions(tables: Pinned) -> dict[PartitionId, Resolutions]:
    """The counts of every partition with a resolved or corrected record. Missing tables count as empty."""
    if SILVER_QUARANTINE not in tables:
        return {}
    rows = tables.query(_explained(tables) if SILVER_CORRECTIONS in tables else _NOT_CORRECTED)
    return {(row.pop("topic"), row.pop("partition")): Resolutions(**row) for row in rows.to_pylist()}


def _explained(tables: Pinned) -> str:
    last = _LAST.format(moment=_MOMENT)
    steps = {"last": last, "state": _state(tables), "held": _HELD, "known": _KNOWN, "records": _RECORDS}
    counts = _COUNTS.format(removed=_removed(tables))
    return f"WITH {', '.join(f'{name} AS ({step})' for name, step in steps.items())} {counts}"


def _removed(tables: Pinned) -> str:
    """The condition that retention has removed the record: silver may have been rebuilt without it since."""
    parts = tables.query("SELECT DISTINCT topic, partition FROM silver_corrections").to_pylist()
    gone = {(row["topic"], row["partition"]): removed(tables, (row["topic"], row["partition"])) for row in parts}
    conditions = (f'({in_part(part)} AND "offset" < {one.next_offset})' for part, one in gone.items())
    return " OR ".join(conditions) or "false"


def _state(tables: Pinned) -> str:
    """The SELECT of every id that silver holds a row or a tombstone of: its table, and how late the row is."""
    rows = [tables.union([table], f"'{table.name}' AS name, id, {_MOMENT}") for table in STATE]
    nothing = tables.union([SILVER_CORRECTIONS], f"'' AS name, id, {_MOMENT}", where="false")
    return " UNION ALL ".join(filter(None, rows)) or nothing
