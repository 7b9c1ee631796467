"""Removing forgotten people from the newest version of every table, by delta-rs.

Everything is found by the pseudonyms alone, and what is done already is no longer found: a run that was cut off is
finished by the next one.
"""

from collections.abc import Callable

import pyarrow as pa

from lakehouse.lakehouse import Lakehouse
from lakehouse.pseudonyms import Forgotten
from lakehouse.sql import quoted
from lakehouse.tables import (
    BRONZE_EVENTS,
    BRONZE_FEEDBACK,
    QUALITY_RESULTS,
    SILVER_BATCHES,
    SILVER_CORRECTIONS,
    SILVER_QUARANTINE,
    SILVER_TOMBSTONES,
    Table,
)
from operations.person.commits import Row, as_rows, merge
from operations.person.emptying import among, bury, empty, made_theirs, settle, settled_before, theirs_in
from operations.person.rows import USER_COLUMNS
from silver.parsing.people import names

# The column with the id, in the tables whose rows about a person go.
_ROWS_GO = (*USER_COLUMNS, (SILVER_TOMBSTONES, "id"))
_BRONZE = (BRONZE_EVENTS, BRONZE_FEEDBACK)
# Every table that may hold people's ids: their older versions go.
TABLES = (
    *(*_BRONZE, SILVER_QUARANTINE, SILVER_CORRECTIONS, SILVER_BATCHES, QUALITY_RESULTS),
    *(table for table, _ in _ROWS_GO),
)
# Columns whose values are ids of users, so that a failed check shows them.
_ID_COLUMNS = ("id", "user_id", "userId")


def forget_everywhere(lake: Lakehouse, forgotten: Forgotten) -> dict[str, int]:
    """Remove the forgotten from every table; the rows that were changed or removed, by table.

    Bronze comes last: what it holds says what is left to do in silver.
    """
    sent = {table.sql_name: theirs_in(lake, table, forgotten) for table in (*_BRONZE, SILVER_QUARANTINE)}
    quarantined = sent.pop(SILVER_QUARANTINE.sql_name) | made_theirs(lake, forgotten)
    others = quarantined | settled_before(lake, forgotten)
    in_bronze = {name: found | among(lake, name, others) for name, found in sent.items()}
    changed = {SILVER_CORRECTIONS.sql_name: settle(lake, quarantined)}
    changed[SILVER_QUARANTINE.sql_name] = empty(lake, SILVER_QUARANTINE, quarantined)
    for table, column in _ROWS_GO:
        changed[table.sql_name] = _remove(lake, table, column, forgotten)
    # of the quarantine's too: retention may have left no other record of them
    bury(lake, {**in_bronze, SILVER_QUARANTINE.sql_name: others})
    changed[SILVER_BATCHES.sql_name] = _change(lake, SILVER_BATCHES, lambda row: _without_samples(row, forgotten))
    changed[QUALITY_RESULTS.sql_name] = _change(lake, QUALITY_RESULTS, lambda row: _without_values(row, forgotten))
    for table in _BRONZE:
        changed[table.sql_name] = empty(lake, table, in_bronze[table.sql_name])
    return changed


def _remove(lake: Lakehouse, table: Table, column: str, forgotten: Forgotten) -> int:
    """Remove the rows about the forgotten."""
    if not lake.exists(table):
        return 0
    known = lake.query(f"SELECT DISTINCT {quoted(column)} AS id FROM rows", rows=table)["id"].to_pylist()  # noqa: S608
    gone = [one for one in known if forgotten.pseudonym_of([one]) is not None]
    if not gone:
        return 0
    merger = merge(lake, table, pa.table({column: gone}), (column,))
    return int(merger.when_matched_delete().execute()["num_target_rows_deleted"])


def _change(lake: Lakehouse, table: Table, changed: Callable[[Row], Row | None]) -> int:
    """Rewrite the rows for which `changed` has another one."""
    if not lake.exists(table):
        return 0
    rows = [other for row in lake.read(table).to_pylist() if (other := changed(row)) is not None]
    if rows:
        merge(lake, table, as_rows(table, rows), table.key).when_matched_update_all().execute()
    return len(rows)


def _without_samples(batch: Row, forgotten: Forgotten) -> Row | None:
    """The batch without the samples of unknown fields that name somebody; None if none does."""
    fields = [
        {**field, "sample": None} if forgotten.pseudonym_of(names(field["sample"] or "")) else field
        for field in batch["unknown_fields"]
    ]
    return {**batch, "unknown_fields": fields} if fields != batch["unknown_fields"] else None


def _without_values(result: Row, forgotten: Forgotten) -> Row | None:
    """The validation result of a column of ids without the values that name somebody; None if none does."""
    if result["column"] not in _ID_COLUMNS or not forgotten.pseudonym_of(names(result["observed"] or "")):
        return None
    return {**result, "observed": None}
