"""Which table versions have passed their checks: the ones that gold reads and that are published."""

import sys
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import datetime
from functools import lru_cache
from typing import Any, NamedTuple

from pyspark.sql import SparkSession

from lakehouse import storage
from lakehouse.errors import TableError
from lakehouse.history.commits import commit, inputs_of
from lakehouse.lakehouse import Lakehouse
from lakehouse.tables import (
    GOLD_AFFINITY,
    GOLD_METRICS,
    GOLD_POPULARITY,
    GOLD_POWERBI,
    GOLD_RECOMMENDATIONS,
    QUALITY_RESULTS,
    SILVER_BATCHES,
    SILVER_CONTENT,
    SILVER_FEEDBACK,
    SILVER_QUARANTINE,
    SILVER_TOMBSTONES,
    SILVER_USERS,
    Table,
)

# A run accepts versions of a layer only if it has checked all of these: each one alone says little.
GATED: Mapping[str, tuple[Table, ...]] = {
    "silver": (
        SILVER_USERS,
        SILVER_CONTENT,
        SILVER_FEEDBACK,
        SILVER_TOMBSTONES,
        SILVER_QUARANTINE,
        SILVER_BATCHES,
    ),
    "gold": (GOLD_AFFINITY, GOLD_RECOMMENDATIONS, GOLD_POPULARITY, GOLD_METRICS),
}
# The expectation whose observed value is the table's row count, and what results of earlier releases call it.
ROW_COUNT = "expect_table_row_count_to_be_between"
_ROW_COUNTS = f"('{ROW_COUNT}', 'row count')"
# How many accepted versions of a table are remembered: the most recently checked ones.
_REMEMBERED = 100

# One row per run and table, and one per distribution.
_CHECKS = f"""
SELECT run_id, table_name, version, bool_and(success) AS passed, max(checked_at) AS checked_at,
    max(CASE WHEN expectation IN {_ROW_COUNTS} THEN cast(observed AS bigint) END) AS rows
FROM results GROUP BY run_id, table_name, version
"""  # noqa: S608 - the names are this module's own
_SHARES = 'SELECT run_id, table_name, "column", shares FROM results WHERE shares IS NOT NULL'

# For all jobs of one command: skipping the gate is the user's decision, not a job's.
_gate: ContextVar[bool] = ContextVar("gate", default=True)


class Accepted(NamedTuple):
    """One version of a table that passed with its layer: rows, distributions by column, time of writing."""

    version: int
    checked_at: datetime
    rows: int
    shares: Mapping[str, Mapping[str, float]]
    written_at: datetime | None = None


class Recorded(NamedTuple):
    """The accepted versions of every table, newest first, and the tables whose layer was ever checked as a whole.

    A run accepts the versions of a layer only if it checked the whole layer and every expectation passed.
    """

    accepted: Mapping[str, tuple[Accepted, ...]]
    checked: frozenset[str]


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
    sys.stderr.write("lakehouse: WARNING --no-gate: what was made and published just now has not been checked\n")


def is_gated() -> bool:
    return _gate.get()


def is_accepted(lake: Lakehouse, table: Table, version: int) -> bool:
    return next(_accepted_versions(lake, table, lambda known: known == version), None) is not None


def last_accepted(lake: Lakehouse, table: Table, *, up_to: int | None = None) -> Accepted | None:
    """The newest accepted version (none above `up_to`)."""
    return next(_accepted_versions(lake, table, lambda known: up_to is None or known <= up_to), None)


def input_version(spark: SparkSession, root: str, table: Table) -> int:
    """The version to build gold from: the last accepted one if the silver table was ever checked, else the newest.

    Raises TableError if the table was checked but no version was accepted.
    """
    if table.layer == "silver" and is_gated():
        chosen = last_accepted(Lakehouse(root), table)
        if chosen is not None:
            return chosen.version
        if table.sql_name in _recorded(Lakehouse(root)).checked:
            raise _nothing_accepted(table, "silver")
    return storage.latest_version(spark, root, table)


def published_version(spark: SparkSession, root: str, table: Table) -> int:
    """The version to show to people: the last accepted one. Raises TableError if there is none."""
    if not is_gated():
        return storage.latest_version(spark, root, table)
    storage.require(spark, root, table)
    chosen = last_accepted(Lakehouse(root), table)
    if chosen is None:
        raise _nothing_accepted(table, table.layer)
    return chosen.version


def exported_version(spark: SparkSession, root: str, table: Table) -> int:
    """The version to export: the published one if the table was ever checked, else the newest."""
    if table.sql_name in _recorded(Lakehouse(root)).checked:
        return published_version(spark, root, table)
    return storage.latest_version(spark, root, table)


def published_recommendations(root: str) -> str | None:
    """The version of the recommendations that the last export published; None if there was no export."""
    lake, name = Lakehouse(root), GOLD_RECOMMENDATIONS.sql_name
    inputs = inputs_of(lake, GOLD_POWERBI, lake.version(GOLD_POWERBI)) if lake.exists(GOLD_POWERBI) else None
    return f"{name} version {inputs[name]}" if inputs and name in inputs else None


def _nothing_accepted(table: Table, selection: str) -> TableError:
    return TableError(
        f"no version of {table.sql_name} has passed its checks",
        todo=f"check it with: lakehouse check {selection}, or spark-submit quality/check.py {selection}; "
        "--no-gate takes the newest version as it is",
    )


def _accepted_versions(lake: Lakehouse, table: Table, wanted: Callable[[int], bool]) -> Iterator[Accepted]:
    """The accepted versions that are wanted, newest first, with the time of their commits.

    A version committed after its check belongs to a recreated table, whose versions count from 0 again: it is
    skipped.
    """
    for known in _recorded(lake).accepted.get(table.sql_name, ()):
        written = commit(lake, table, known.version) if wanted(known.version) else None
        if written and written.written_at and written.written_at <= known.checked_at:
            yield known._replace(written_at=written.written_at)


def _recorded(lake: Lakehouse) -> Recorded:
    if not lake.exists(QUALITY_RESULTS):
        return Recorded({}, frozenset())
    return _read(lake.root, lake.version(QUALITY_RESULTS))


@lru_cache(maxsize=2)
def _read(root: str, results_version: int) -> Recorded:
    """Cached by the version of the results: the jobs of one command ask again and again."""
    lake, results = Lakehouse(root), (QUALITY_RESULTS, results_version)
    checks = lake.query(_CHECKS, results=results).to_pylist()
    shares = lake.query(_SHARES, results=results).to_pylist()
    return _whole_layers(sorted(checks, key=lambda check: check["checked_at"], reverse=True), shares)


def _whole_layers(checks: Sequence[Mapping[str, Any]], shares: Sequence[Mapping[str, Any]]) -> Recorded:
    """From one row per run and table, latest first, and one per distribution."""
    tables: dict[tuple[str, str], set[str]] = defaultdict(set)
    failed: set[tuple[str, str]] = set()
    for check in checks:
        tables[_layer_run(check)].add(check["table_name"])
        failed |= set() if check["passed"] else {_layer_run(check)}
    measured: dict[tuple[str, str], dict[str, dict[str, float]]] = defaultdict(dict)
    for share in shares:
        measured[share["run_id"], share["table_name"]][share["column"]] = dict(share["shares"])
    accepted: dict[str, dict[int, Accepted]] = defaultdict(dict)
    checked: set[str] = set()
    for check in checks:
        run, name = _layer_run(check), check["table_name"]
        if not {table.sql_name for table in GATED.get(run[1], ())} <= tables[run]:
            continue
        checked.add(name)
        if run not in failed and len(accepted[name]) < _REMEMBERED:
            one = Accepted(
                check["version"], check["checked_at"], check["rows"] or 0, measured[check["run_id"], name]
            )
            accepted[name].setdefault(one.version, one)
    newest = {
        name: tuple(found[version] for version in sorted(found, reverse=True)) for name, found in accepted.items()
    }
    return Recorded(newest, frozenset(checked))


def _layer_run(check: Mapping[str, Any]) -> tuple[str, str]:
    """A layer in one run."""
    return check["run_id"], check["table_name"].partition(".")[0]
