"""Which table versions have passed their checks, without Spark; lakehouse.history.acceptance has the rules."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from lakehouse.history.acceptance import GATED, is_gated, nothing_accepted
from lakehouse.lakehouse import Lakehouse
from lakehouse.tables import QUALITY_RESULTS, Table

# Per table, its versions that a run checked with their whole layer: when, and whether the whole layer passed.
Verdicts = Mapping[str, Mapping[int, tuple[datetime, bool]]]


def input_version(lakehouse: Lakehouse, table: Table) -> int:
    """The version to build gold from: the last accepted one if the silver table was ever checked, else the newest.

    Raises TableError if the table was checked but no version was accepted.
    """
    if table.layer == "silver" and is_gated() and table.sql_name in read_verdicts(lakehouse):
        return published_version(lakehouse, table)
    return lakehouse.version(table)


def published_version(lakehouse: Lakehouse, table: Table) -> int:
    """The version to show to people: the last accepted one. Raises TableError if there is none."""
    if not is_gated():
        return lakehouse.version(table)
    lakehouse.require(table)
    found = last_accepted(lakehouse, table)
    if found is None:
        raise nothing_accepted(table, table.layer)
    return found


def exported_version(lakehouse: Lakehouse, table: Table) -> int:
    """The version to export: the published one if the table was ever checked, else the newest."""
    if table.sql_name in read_verdicts(lakehouse):
        return published_version(lakehouse, table)
    return lakehouse.version(table)


def last_accepted(lakehouse: Lakehouse, table: Table) -> int | None:
    """The newest accepted version. One committed after its check belongs to a recreated table and is skipped."""
    verdicts = read_verdicts(lakehouse).get(table.sql_name, {})
    accepted = {version: at for version, (at, passed) in verdicts.items() if passed}
    for version in sorted(accepted, reverse=True):
        if version in lakehouse.versions(table):
            written_at = lakehouse.history(table, version=version, limit=1)[0].written_at
            if written_at is not None and written_at <= accepted[version]:
                return version
    return None


def read_verdicts(lakehouse: Lakehouse) -> Verdicts:
    """The verdicts on all tables; of two on the same version, one that accepts it counts, then the later one."""
    if not lakehouse.exists(QUALITY_RESULTS):
        return {}
    rows = lakehouse.query(
        """
        SELECT run_id, table_name, version, bool_and(success) AS passed, max(checked_at) AS checked_at
        FROM results GROUP BY run_id, table_name, version
        """,
        results=QUALITY_RESULTS,
    ).to_pylist()
    runs: dict[tuple[str, str], list[dict[str, Any]]] = {}
    for row in rows:
        runs.setdefault((row["run_id"], row["table_name"].partition(".")[0]), []).append(row)
    verdicts: dict[str, dict[int, tuple[datetime, bool]]] = {}
    for (_, layer), checked in runs.items():
        if {table.sql_name for table in GATED.get(layer, ())} <= {row["table_name"] for row in checked}:
            passed = all(row["passed"] for row in checked)
            for row in checked:
                known = verdicts.setdefault(row["table_name"], {})
                new = (row["checked_at"], passed)
                known[row["version"]] = max(known.get(row["version"], new), new, key=lambda one: (one[1], one[0]))
    return verdicts
