"""Which table versions have passed their checks: the ones that gold reads and that are published."""

import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import datetime
from functools import lru_cache
from typing import NamedTuple

from pyspark.sql import Column, Row, SparkSession, Window
from pyspark.sql import functions as F

from lakehouse import storage
from lakehouse.errors import TableError
from lakehouse.history import delta_log
from lakehouse.tables import GOLD_POWERBI, GOLD_RECOMMENDATIONS, QUALITY_RESULTS, Table, gated_tables

# A run accepts versions of a layer only if it has checked all of these: each one alone says little.
GATED: Mapping[str, tuple[Table, ...]] = {layer: gated_tables(layer) for layer in ("silver", "gold")}
# The expectation whose observed value is the table's row count.
ROW_COUNT = "row count"
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
    sys.stderr.write("lakehouse: WARNING --no-gate: what was made and published just now has not been checked\n")


def is_gated() -> bool:
    return _gate.get()


def is_accepted(spark: SparkSession, root: str, table: Table, version: int) -> bool:
    path = storage.table_path(root, table)
    found = _recorded(spark, root).get(table.sql_name, ())
    return any(known.version == version and _with_commit(spark, path, known) is not None for known in found)


def last_accepted(spark: SparkSession, root: str, table: Table, *, up_to: int | None = None) -> Accepted | None:
    """The newest accepted version (none above `up_to`).

    A version committed after its check belongs to a recreated table and is skipped.
    """
    path = storage.table_path(root, table)
    recorded = _recorded(spark, root).get(table.sql_name, ())
    found = (_with_commit(spark, path, one) for one in recorded if up_to is None or one.version <= up_to)
    return next((accepted for accepted in found if accepted is not None), None)


def input_version(spark: SparkSession, root: str, table: Table) -> int:
    """The version to build gold from: the last accepted one if the silver table was ever checked, else the newest.

    Raises TableError if the table was checked but no version was accepted.
    """
    if table.layer == "silver" and is_gated():
        chosen = last_accepted(spark, root, table)
        if chosen is not None:
            return chosen.version
        if table.sql_name in _checked(spark, root):
            raise _nothing_accepted(table, "silver")
    return storage.latest_version(spark, root, table)


def published_version(spark: SparkSession, root: str, table: Table) -> int:
    """The version to show to people: the last accepted one. Raises TableError if there is none."""
    if not is_gated():
        return storage.latest_version(spark, root, table)
    storage.require(spark, root, table)
    chosen = last_accepted(spark, root, table)
    if chosen is None:
        raise _nothing_accepted(table, table.layer)
    return chosen.version


def exported_version(spark: SparkSession, root: str, table: Table) -> int:
    """The version to export: the published one if the table was ever checked, else the newest."""
    if table.sql_name in _checked(spark, root):
        return published_version(spark, root, table)
    return storage.latest_version(spark, root, table)


def published_recommendations(spark: SparkSession, root: str) -> str | None:
    """The version of the recommendations that the last export published; None if there was no export."""
    path, name = storage.table_path(root, GOLD_POWERBI), GOLD_RECOMMENDATIONS.sql_name
    known = delta_log.versions(spark, path)
    inputs = delta_log.inputs_of(spark, path, known[-1]) if known else None
    return f"{name} version {inputs[name]}" if inputs and name in inputs else None


def _nothing_accepted(table: Table, selection: str) -> TableError:
    return TableError(
        f"no version of {table.sql_name} has passed its checks",
        todo=f"check it with: lakehouse check {selection}, or spark-submit quality/check.py {selection}; "
        "--no-gate takes the newest version as it is",
    )


def _with_commit(spark: SparkSession, path: str, accepted: Accepted) -> Accepted | None:
    """With the commit's time; None if the commit is a recreated table's, whose versions count from 0 again."""
    commit = delta_log.commit(spark, path, accepted.version)
    if commit is None or commit.written_at is None or commit.written_at > accepted.checked_at:
        return None
    return accepted._replace(written_at=commit.written_at)


def _recorded(spark: SparkSession, root: str) -> Mapping[str, tuple[Accepted, ...]]:
    if not storage.exists(spark, root, QUALITY_RESULTS):
        return {}
    return _read(spark, root, storage.latest_version(spark, root, QUALITY_RESULTS))[0]


def _checked(spark: SparkSession, root: str) -> frozenset[str]:
    if not storage.exists(spark, root, QUALITY_RESULTS):
        return frozenset()
    return _read(spark, root, storage.latest_version(spark, root, QUALITY_RESULTS))[1]


@lru_cache(maxsize=2)
def _read(
    spark: SparkSession, root: str, results_version: int
) -> tuple[Mapping[str, tuple[Accepted, ...]], frozenset[str]]:
    """The accepted versions of every table, newest first, and the tables whose layer was ever checked as a whole.

    A run accepts the versions of a layer only if it checked the whole layer and every expectation passed.
    Cached by the version of the results: the jobs of one command ask again and again.
    """
    results = storage.read(spark, root, QUALITY_RESULTS, version=results_version)
    layer = F.substring_index("table_name", ".", 1)
    in_run = Window.partitionBy("run_id", layer)
    lacking = F.array_except(_gated(layer), F.collect_set("table_name").over(in_run))
    whole = results.withColumn("lacking", lacking).filter(F.size("lacking") == 0)
    judged = whole.withColumn("accepted", F.min("success").over(in_run))
    measured = F.map_from_entries(
        F.collect_list(F.when(F.col("shares").isNotNull(), F.struct("column", "shares")))
    )
    versions = judged.groupBy("table_name", "run_id", "version", "accepted").agg(
        F.max("checked_at").alias("checked_at"),
        F.max(F.when(F.col("expectation") == ROW_COUNT, F.col("observed"))).cast("bigint").alias("rows"),
        measured.alias("shares"),
    )
    again = Window.partitionBy("table_name", "accepted", "version").orderBy(F.desc("checked_at"))
    once = versions.withColumn("again", F.row_number().over(again)).filter("again = 1")
    latest = Window.partitionBy("table_name", "accepted").orderBy(F.desc("checked_at"))
    kept = once.withColumn("place", F.row_number().over(latest)).filter(F.col("place") <= _REMEMBERED)
    rows = kept.orderBy(F.desc("version")).collect()
    accepted: dict[str, list[Accepted]] = {}
    for row in rows:
        if row["accepted"]:
            accepted.setdefault(row["table_name"], []).append(_accepted(row))
    names = frozenset(row["table_name"] for row in rows)
    return {name: tuple(found) for name, found in accepted.items()}, names


def _gated(layer: Column) -> Column:
    """The names of all gated tables of a layer."""
    wanted = F.array().cast("array<string>")
    for name, tables in GATED.items():
        wanted = F.when(layer == name, F.array(*[F.lit(table.sql_name) for table in tables])).otherwise(wanted)
    return wanted


def _accepted(row: Row) -> Accepted:
    # pyspark returns naive times in this machine's zone
    checked_at = row["checked_at"].astimezone()
    return Accepted(row["version"], checked_at, row["rows"] or 0, row["shares"] or {})
