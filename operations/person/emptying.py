"""Records about forgotten people, in bronze and in the quarantine: each becomes the deletion of a pseudonym.

A record keeps its place, so that every offset is still accounted for. A rebuild of silver reads it as the deletion
that it now is.
"""

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any, NamedTuple

import pyarrow as pa

from lakehouse.lakehouse import Lakehouse
from lakehouse.pseudonyms import Forgotten
from lakehouse.sql import quoted, text_in
from lakehouse.tables import SILVER_CORRECTIONS, SILVER_QUARANTINE, SILVER_TOMBSTONES, SILVER_USERS, Table
from operations.person.commits import Row, as_rows, merge
from operations.person.records import Place, at_places, place_of
from silver.latest import ORDER, RECORD
from silver.parsing.people import people
from silver.parsing.wire import read_record, read_records

_CAUSE = "forgotten"


class Theirs(NamedTuple):
    """A record about a forgotten person: their pseudonym, and when Kafka took the record."""

    pseudonym: str
    kafka_timestamp: datetime


def theirs_in(lake: Lakehouse, table: Table, forgotten: Forgotten) -> dict[Place, Theirs]:
    """The records about the forgotten in this table."""
    found: dict[Place, Theirs] = {}
    sql = 'SELECT topic, partition, "offset", kafka_timestamp, key, key_raw, value, value_raw FROM records'
    for rows in lake.batches(sql, records=table) if lake.exists(table) else ():
        parsed = [record for batch in rows.to_batches() for record in read_records(batch)]
        names_of = [forgotten.pseudonym_of(people(record)) for record in parsed]
        chosen = rows.filter(pa.array([name is not None for name in names_of], pa.bool_())).to_pylist()
        for row, name in zip(chosen, filter(None, names_of), strict=True):
            found[place_of(row)] = Theirs(name, row["kafka_timestamp"])
    return found


def made_theirs(lake: Lakehouse, forgotten: Forgotten) -> dict[Place, Theirs]:
    """The quarantined records that a correction has made theirs."""
    found: dict[Place, Theirs] = {}
    for row in lake.read(SILVER_CORRECTIONS).to_pylist() if lake.exists(SILVER_CORRECTIONS) else ():
        ids = people(read_record(None, None, row["value"], None, 0)) if row["value"] is not None else set()
        if row["target"] == SILVER_USERS.name:
            ids.add(row["id"])
        name = forgotten.pseudonym_of(ids)
        if name is not None:
            found[place_of(row)] = Theirs(name, row["kafka_timestamp"])
    return found


def settled_before(lake: Lakehouse, forgotten: Forgotten) -> dict[Place, Theirs]:
    """The quarantined records that a run has settled: one that was cut off may have left them in bronze."""
    if not lake.exists(SILVER_CORRECTIONS):
        return {}
    rows = lake.read(SILVER_CORRECTIONS, where=text_in("id", sorted(forgotten.pseudonyms))).to_pylist()
    return {place_of(row): Theirs(row["id"], row["kafka_timestamp"]) for row in rows}


def among(lake: Lakehouse, table: str, places: Mapping[Place, Theirs]) -> dict[Place, Theirs]:
    """Those of the places that this table holds."""
    if not places or not lake.exists(table):
        return {}
    held = lake.read(table, columns=RECORD, where=at_places(places)).to_pylist()
    return {place_of(row): places[place_of(row)] for row in held}


def settle(lake: Lakehouse, quarantined: Mapping[Place, Theirs]) -> int:
    """Replace the corrections of these records with one each: the record counts as a deletion."""
    if not lake.exists(SILVER_CORRECTIONS):
        return 0
    held = lake.read(SILVER_CORRECTIONS).to_pylist()
    reasons = _reasons(lake, quarantined)
    replay_id, now = max((row["replay_id"] for row in held), default=0) + 1, datetime.now(UTC)
    outdated = [row for row in held if place_of(row) in quarantined]
    new = [
        _settled(place, theirs) | {"replay_id": replay_id, "replayed_at": now, "reasons": reasons[place]}
        for place, theirs in quarantined.items()
        if place in reasons
    ]
    if not outdated and not new:
        return 0
    rows = as_rows(SILVER_CORRECTIONS, [*outdated, *new])
    rows = rows.append_column("is_new", pa.array([False] * len(outdated) + [True] * len(new), pa.bool_()))
    merger = merge(lake, SILVER_CORRECTIONS, rows, SILVER_CORRECTIONS.key)
    values = {quoted(name): f"s.{quoted(name)}" for name in SILVER_CORRECTIONS.columns}
    merger.when_matched_delete("NOT s.is_new").when_not_matched_insert(values, "s.is_new").execute()
    return len(outdated)


def _settled(place: Place, theirs: Theirs) -> dict[str, Any]:
    at = theirs.kafka_timestamp
    correction = {"cause": _CAUSE, "outcome": "deleted", "target": SILVER_TOMBSTONES.name, "id": theirs.pseudonym}
    return {**_at(place), **correction, "value": None, "event_timestamp": at, "kafka_timestamp": at}


def _reasons(lake: Lakehouse, quarantined: Mapping[Place, Theirs]) -> dict[Place, list[Row]]:
    """The rules that these records broke, without the values."""
    if not quarantined or not lake.exists(SILVER_QUARANTINE):
        return {}
    columns, where = [*RECORD, "reasons"], at_places(quarantined)
    rows = lake.read(SILVER_QUARANTINE, columns=columns, where=where).to_pylist()
    return {place_of(row): _bare(row["reasons"]) for row in rows}


def _bare(reasons: Iterable[Row]) -> list[Row]:
    return [{**reason, "value": None} for reason in reasons]


def empty(lake: Lakehouse, table: Table, records: Mapping[Place, Theirs]) -> int:
    """Leave of these records only that the pseudonym was deleted then."""
    nothing: dict[str, Any] = dict.fromkeys(("key_raw", "value", "value_raw", "headers"))
    rows = [{**_at(place), **nothing, "key": theirs.pseudonym} for place, theirs in records.items()]
    if table == SILVER_QUARANTINE:
        reasons, now = _reasons(lake, records), datetime.now(UTC)
        resolved = {"type": None, "status": "resolved", "resolved_at": now}
        rows = [
            {**row, **resolved, "id": row["key"], "reasons": reasons[place_of(row)]}
            for row in rows
            if place_of(row) in reasons
        ]
    if not rows:
        return 0
    chosen = [name for name in table.columns if name in rows[0]]
    merger = merge(lake, table, as_rows(table, rows, chosen), RECORD)
    changed = {quoted(name): f"s.{quoted(name)}" for name in chosen if name not in RECORD}
    merger = merger.when_matched_update(changed, "t.key IS DISTINCT FROM s.key")
    return int(merger.execute()["num_target_rows_updated"])


def bury(lake: Lakehouse, found: Mapping[str, Mapping[Place, Theirs]]) -> None:
    """Give silver the tombstone of each pseudonym: the latest of these records, by the table that holds them."""
    latest: dict[str, Row] = {}
    for records in found.values():
        for place, (name, at) in records.items():
            row = {
                "id": name,
                "event_timestamp": at,
                "kafka_timestamp": at,
                **_at(place),
            }
            latest[name] = max(latest.get(name, row), row, key=_moment)
    if not latest or not lake.exists(SILVER_TOMBSTONES):
        return
    known = lake.read(SILVER_TOMBSTONES, where=text_in("id", sorted(latest))).to_pylist()
    held = {row["id"]: row for row in known}
    later = [row for name, row in latest.items() if name not in held or _moment(row) > _moment(held[name])]
    if later:
        merger = merge(lake, SILVER_TOMBSTONES, as_rows(SILVER_TOMBSTONES, later), ("id",))
        merger.when_matched_update_all().when_not_matched_insert_all().execute()


def _moment(row: Row) -> tuple[Any, ...]:
    return tuple(row[name] for name in ORDER)


def _at(place: Place) -> dict[str, Any]:
    return dict(zip(RECORD, place, strict=True))
