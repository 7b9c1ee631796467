"""Everything that the tables and the saved models hold about a person, by table."""

from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import NamedTuple

import pyarrow as pa
import pyarrow.compute as pc

from gold.models.saved import model_names, read_frame
from lakehouse.lakehouse import Lakehouse
from lakehouse.sql import text_in, text_literal
from lakehouse.tables import (
    BRONZE_EVENTS,
    BRONZE_FEEDBACK,
    GOLD_AFFINITY,
    GOLD_POWERBI,
    GOLD_RECOMMENDATIONS,
    QUALITY_RESULTS,
    SILVER_CORRECTIONS,
    SILVER_FEEDBACK,
    SILVER_QUARANTINE,
    SILVER_TOMBSTONES,
    SILVER_USERS,
    Table,
)
from operations.person.commits import Row
from operations.person.records import Person, Place, at_places, deletes_feedback, is_about, may_be_about, place_of
from silver.parsing.fields import FEEDBACK
from silver.parsing.people import names
from silver.parsing.wire import ParsedRecord, read_record, read_records

# The tables that hold records as they were sent.
_RECORDS = (BRONZE_EVENTS, BRONZE_FEEDBACK, SILVER_QUARANTINE)
# The column with the user's id, in the tables that have one.
USER_COLUMNS = (
    (SILVER_USERS, "id"),
    (SILVER_FEEDBACK, "user_id"),
    (GOLD_AFFINITY, "user_id"),
    (GOLD_RECOMMENDATIONS, "user_id"),
    (GOLD_POWERBI, "userId"),
)
_USER_FACTORS = "user_factors"


class Found(NamedTuple):
    """The person's rows by the tables' names, and by model what it has learnt of them."""

    tables: Mapping[str, list[Row]]
    models: Mapping[str, list[Row]]

    @property
    def is_empty(self) -> bool:
        return not any([*self.tables.values(), *self.models.values()])


def rows_of(lake: Lakehouse, user_id: str) -> Found:
    """What is held about the user with this id, as silver has it."""
    by_column = {table.sql_name: _where(lake, table, text_in(column, [user_id])) for table, column in USER_COLUMNS}
    sent = {table.sql_name: dict(_sent(lake, table, user_id)) for table in _RECORDS}
    own = {row["id"] for row in by_column[SILVER_FEEDBACK.sql_name]}
    person = Person(user_id, frozenset(own.union(*(_feedback_ids(rows.values()) for rows in sent.values()))))
    corrected = _corrections(lake, person, sent[SILVER_QUARANTINE.sql_name].keys())
    places = {place_of(row) for row in corrected}
    for table in _RECORDS:
        more = _where(lake, table, deletes_feedback(person)) + _where(lake, table, at_places(places))
        sent[table.sql_name] |= {place_of(row): row for row in more}
    tables = {
        **{name: [rows[place] for place in sorted(rows)] for name, rows in sent.items()},
        **by_column,
        SILVER_TOMBSTONES.sql_name: _where(lake, SILVER_TOMBSTONES, text_in("id", sorted(person.ids))),
        SILVER_CORRECTIONS.sql_name: corrected,
        QUALITY_RESULTS.sql_name: _samples(lake, user_id),
    }
    return Found(tables, dict(_factors(lake.root, user_id)))


def _sent(lake: Lakehouse, table: Table, user_id: str) -> Iterator[tuple[Place, Row]]:
    """The records about the person in this table, but for deletions of their feedback."""
    if not lake.exists(table):
        return
    person = Person(user_id)
    sql = f"SELECT * FROM records WHERE {may_be_about(user_id)}"  # noqa: S608
    for rows in lake.batches(sql, records=table):
        chosen = [is_about(record, person) for batch in rows.to_batches() for record in read_records(batch)]
        for row in rows.filter(pa.array(chosen, pa.bool_())).to_pylist():
            yield place_of(row), row


def _feedback_ids(rows: Iterable[Row]) -> set[str]:
    events = (_parsed(row).event.fields for row in rows)
    return {fields["id"] for fields in events if fields["type"] == FEEDBACK and fields["id"] is not None}


def _parsed(row: Row) -> ParsedRecord:
    return read_record(row.get("key"), row.get("key_raw"), row["value"], row.get("value_raw"), 0)


def _corrections(lake: Lakehouse, person: Person, quarantined: Collection[Place]) -> list[Row]:
    """The corrections of the person's records, and those that made a record theirs."""
    if not lake.exists(SILVER_CORRECTIONS):
        return []
    rows = lake.read(SILVER_CORRECTIONS).to_pylist()
    return [row for row in rows if place_of(row) in quarantined or _makes_theirs(row, person)]


def _makes_theirs(row: Row, person: Person) -> bool:
    if row["target"] in (SILVER_USERS.name, SILVER_FEEDBACK.name) and row["id"] in person.ids:
        return True
    return row["value"] is not None and is_about(_parsed(row), person)


def _samples(lake: Lakehouse, user_id: str) -> list[Row]:
    """The validation results with the id among the values that failed."""
    rows = _where(lake, QUALITY_RESULTS, f"strpos(observed, {text_literal(user_id)}) > 0")
    return [row for row in rows if user_id in names(row["observed"])]


def _where(lake: Lakehouse, table: Table, condition: str) -> list[Row]:
    return list(lake.read(table, where=condition).to_pylist()) if lake.exists(table) else []


def _factors(root: str, user_id: str) -> Iterator[tuple[str, list[Row]]]:
    for version in model_names(root):
        frame = read_frame(root, version, _USER_FACTORS)
        if frame is not None:
            yield version, frame.filter(pc.equal(frame["user_id"], user_id)).to_pylist()
