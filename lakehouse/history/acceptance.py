"""Which table versions have passed their checks: the ones that gold reads and that are published."""

import sys
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import datetime
from functools import lru_cache
from typing import Any, NamedTuple

from lakehouse.errors import TableError
from lakehouse.history.commits import commit, lineage_of
from lakehouse.lakehouse import Lakehouse
from lakehouse.tables import GOLD_POWERBI, GOLD_RECOMMENDATIONS, QUALITY_RESULTS, Table, gated_tables

# A run accepts versions of a layer only if it has checked all of these: each one alone says little.
GATED: Mapping[str, tuple[Table, ...]] = {layer: gated_tables(layer) for layer in ("silver", "gold")}
# The expectation whose observed value is the table's row count, and what results of earlier releases call it.
ROW_COUNT = "expect_table_row_count_to_be_between"
_ROW_COUNTS = f"('{ROW_COUNT}', 'row count')"
ResultRow = Mapping[str, Any]
_SHARES = 'SELECT run_id, table_name, "column", shares FROM results WHERE shares IS NOT NULL'
# One row is one table in one run.
_CHECKS = f"""
SELECT run_id, table_name, version, bool_and(success) AS success, max(checked_at) AS checked_at,
    CAST(TRY_CAST(max(observed) FILTER (WHERE expectation IN {_ROW_COUNTS}) AS DOUBLE) AS BIGINT) AS rows
FROM results GROUP BY run_id, table_name, version
"""  # noqa: S608 - a constant
# How many accepted versions of a table are remembered: the most recently checked ones.
_REMEMBERED = 100

# For all jobs of one command: skipping the gate is the user's decision, not a job's.
_gate: ContextVar[bool] = ContextVar("gate", default=True)


class Accepted(NamedTuple):
    """One version of a table that passed with its layer: rows, distributions by column, time of writing."""

    version: int
    checked_at: datetime
    rows: int
    shares: Mapping[str, Mapping[str, float]]
    written_at: datetime | None = None


@contextmanager
def without_gate(*, when: bool = True) -> Iterator[None]:
    """Inside, the newest version of every table counts, checked or not; stderr says so.

    `when` is the command's --no-gate: if it is false, nothing changes.
    """
    if not when:
        yield
        return
    sys.stderr.write(
        "lakehouse: WARNING --no-gate: nothing is checked, and the newest versions are published as they are\n"
    )
    token = _gate.set(False)
    try:
        yield
    finally:
        _gate.reset(token)
    sys.stderr.write("lakehouse: WARNING --no-gate: what this run built and published has not been checked\n")


def is_gated() -> bool:
    return _gate.get()


def is_accepted(root: str, table: Table, version: int) -> bool:
    lake = Lakehouse(root)
    recorded = _recorded(root).get(table.sql_name, ())
    return any(known.version == version and _with_commit(lake, table, known) is not None for known in recorded)


def last_accepted(root: str, table: Table, *, up_to: int | None = None) -> Accepted | None:
    """The newest accepted version (none above `up_to`).

    A version committed after its check belongs to a recreated table and is skipped.
    """
    lake = Lakehouse(root)
    recorded = _recorded(root).get(table.sql_name, ())
    still_valid = (_with_commit(lake, table, one) for one in recorded if up_to is None or one.version <= up_to)
    return next((accepted for accepted in still_valid if accepted is not None), None)


def input_version(root: str, table: Table) -> int:
    """The version to build gold from: the last accepted one if the silver table was ever checked, else the newest.

    Raises TableError if the table was checked but no version was accepted.
    """
    if table.layer == "silver" and is_gated():
        chosen = last_accepted(root, table)
        if chosen is not None:
            return chosen.version
        if table.sql_name in _checked(root):
            raise _nothing_accepted(table, "silver")
    return Lakehouse(root).version(table)


def published_version(root: str, table: Table) -> int:
    """The version to show to people: the last accepted one. Raises TableError if there is none."""
    if not is_gated():
        return Lakehouse(root).version(table)
    Lakehouse(root).require(table)
    chosen = last_accepted(root, table)
    if chosen is None:
        raise _nothing_accepted(table, table.layer)
    return chosen.version


def exported_version(root: str, table: Table) -> int:
    """The version to export: the published one if the table was ever checked, else the newest."""
    if table.sql_name in _checked(root):
        return published_version(root, table)
    return Lakehouse(root).version(table)


def published_recommendations(root: str) -> str | None:
    """The version of the recommendations that the last export published; None if there was no export."""
    lake, name = Lakehouse(root), GOLD_RECOMMENDATIONS.sql_name
    inputs = lineage_of(lake, GOLD_POWERBI, lake.version(GOLD_POWERBI)) if lake.exists(GOLD_POWERBI) else None
    return f"{name} version {inputs[name]}" if inputs and name in inputs else None


def _nothing_accepted(table: Table, selection: str) -> TableError:
    return TableError(
        f"no version of {table.sql_name} has passed its checks",
        todo=f"check it with: lakehouse check {selection}, or spark-submit quality/check.py {selection}; "
        "--no-gate takes the newest version as it is",
    )


def _with_commit(lake: Lakehouse, table: Table, accepted: Accepted) -> Accepted | None:
    """With the commit's time; None if the commit is a recreated table's, whose versions count from 0 again."""
    written = commit(lake, table, accepted.version)
    if written is None or written.written_at is None or written.written_at > accepted.checked_at:
        return None
    return accepted._replace(written_at=written.written_at)


def _recorded(root: str) -> Mapping[str, tuple[Accepted, ...]]:
    """The accepted versions of every table, newest first."""
    return _results(root).accepted


def _checked(root: str) -> frozenset[str]:
    """The tables whose layer was ever checked as a whole."""
    return _results(root).checked


class _Results(NamedTuple):
    accepted: Mapping[str, tuple[Accepted, ...]]
    checked: frozenset[str]


def _results(root: str) -> _Results:
    lake = Lakehouse(root)
    if not lake.exists(QUALITY_RESULTS):
        return _Results({}, frozenset())
    return _read(root, lake.version(QUALITY_RESULTS))


@lru_cache(maxsize=2)
def _read(root: str, results_version: int) -> _Results:
    """A run accepts the versions of a layer only if it checked the whole layer and every expectation passed.

    Cached by the version of the results: the jobs of one command ask again and again.
    """
    lake, results = Lakehouse(root), (QUALITY_RESULTS, results_version)
    shares: dict[tuple[str, str], dict[str, Mapping[str, float]]] = {}
    for row in lake.query(_SHARES, results=results).to_pylist():
        shares.setdefault((row["run_id"], row["table_name"]), {})[row["column"]] = dict(row["shares"])
    runs: dict[tuple[str, str], dict[str, ResultRow]] = {}
    for row in lake.query(_CHECKS, results=results).to_pylist():
        layer = row["table_name"].partition(".")[0]
        runs.setdefault((row["run_id"], layer), {})[row["table_name"]] = row
    whole = {run: tables for run, tables in runs.items() if _gated(run[1]) <= set(tables)}
    passed = [row for tables in whole.values() if _all_passed(tables) for row in tables.values()]
    accepted: dict[str, dict[int, Accepted]] = {}
    for row in sorted(passed, key=lambda row: row["checked_at"]):
        name = row["table_name"]
        measured = shares.get((row["run_id"], name), {})
        one = Accepted(row["version"], row["checked_at"], row["rows"] or 0, measured)
        accepted.setdefault(name, {})[one.version] = one  # the last check of a version counts
    checked = frozenset(name for tables in whole.values() for name in tables)
    return _Results({name: _newest(by_version.values()) for name, by_version in accepted.items()}, checked)


def _gated(layer: str) -> set[str]:
    return {table.sql_name for table in GATED.get(layer, ())}


def _all_passed(tables: Mapping[str, ResultRow]) -> bool:
    return all(row["success"] for row in tables.values())


def _newest(accepted: Iterable[Accepted]) -> tuple[Accepted, ...]:
    """Those that were checked last, by version, the newest first."""
    remembered = sorted(accepted, key=lambda one: one.checked_at, reverse=True)[:_REMEMBERED]
    return tuple(sorted(remembered, key=lambda one: one.version, reverse=True))
