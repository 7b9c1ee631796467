"""Which versions of the tables have passed their checks: what gold reads and what is published."""

import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import datetime
from functools import lru_cache
from typing import NamedTuple

from pyspark.sql import Row, SparkSession, Window
from pyspark.sql import functions as F

from lakehouse import delta_log, storage
from lakehouse.errors import TableError
from lakehouse.tables import GOLD_POWERBI, GOLD_RECOMMENDATIONS, QUALITY_RESULTS, Table

# The expectation whose observed value is the number of a table's rows.
ROW_COUNT = "row count"
# As many accepted versions of a table are remembered, the newest.
_REMEMBERED = 100

# For all jobs of one command: it is the command's user who does without the gate, and no job's business.
_gate: ContextVar[bool] = ContextVar("gate", default=True)


class Accepted(NamedTuple):
    """One version of a table whose expectations all passed: its rows, and its distributions by column."""

    version: int
    checked_at: datetime
    rows: int
    shares: Mapping[str, Mapping[str, float]]


@contextmanager
def without_gate(*, when: bool = True) -> Iterator[None]:
    """Inside, the newest version of every table counts, checked or not; it is said on stderr.

    `when` is the command's --no-gate: where it is false, nothing is different inside.
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
    return any(known.version == version and _is_the_one(spark, path, known) for known in found)


def last_accepted(spark: SparkSession, root: str, table: Table) -> Accepted | None:
    """The newest accepted version. One that was made after its check is another, of a table made anew."""
    path = storage.table_path(root, table)
    found = _recorded(spark, root).get(table.sql_name, ())
    return next((version for version in found if _is_the_one(spark, path, version)), None)


def input_version(spark: SparkSession, root: str, table: Table) -> int:
    """The version to make gold from: of a silver table that was ever checked, the last accepted one.

    Raises TableError where none of its checked versions was accepted.
    """
    if table.layer == "silver" and is_gated():
        chosen = last_accepted(spark, root, table)
        if chosen is not None:
            return chosen.version
        if table.sql_name in _checked(spark, root):
            raise _nothing_accepted(table, "silver")
    return storage.latest_version(spark, root, table)


def published_version(spark: SparkSession, root: str, table: Table) -> int:
    """The version to show to people: the last accepted one. Raises TableError where there is none."""
    if not is_gated():
        return storage.latest_version(spark, root, table)
    storage.require(spark, root, table)
    chosen = last_accepted(spark, root, table)
    if chosen is None:
        raise _nothing_accepted(table, table.layer)
    return chosen.version


def exported_version(spark: SparkSession, root: str, table: Table) -> int:
    """The version to export: of a table that was ever checked the published one, of others the newest."""
    if table.sql_name in _checked(spark, root):
        return published_version(spark, root, table)
    return storage.latest_version(spark, root, table)


def published_recommendations(spark: SparkSession, root: str) -> str | None:
    """The version of the lists that the last export showed to people; None where there was none."""
    for commit in delta_log.commits(spark, storage.table_path(root, GOLD_POWERBI)):
        inputs = commit.user_metadata.get("inputs", {})
        if GOLD_RECOMMENDATIONS.sql_name in inputs:
            return f"{GOLD_RECOMMENDATIONS.sql_name} version {inputs[GOLD_RECOMMENDATIONS.sql_name]}"
    return None


def _nothing_accepted(table: Table, selection: str) -> TableError:
    return TableError(
        f"no version of {table.sql_name} has passed its checks",
        todo=f"check it with: lakehouse check {selection}, or spark-submit quality/check.py {selection}; "
        "--no-gate takes the newest version as it is",
    )


def _is_the_one(spark: SparkSession, path: str, accepted: Accepted) -> bool:
    """Versions of a table that was deleted and made anew count from 0 again."""
    commit = delta_log.commit(spark, path, accepted.version)
    return commit is not None and commit.written_at is not None and commit.written_at <= accepted.checked_at


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
    """The accepted versions of every table, newest first, and the tables that were ever checked.

    A run accepts the versions of a layer only where every expectation of that layer passed in it. Cached by the
    results' own version: the jobs of one command ask again and again.
    """
    results = storage.read(spark, root, QUALITY_RESULTS, version=results_version)
    layer = F.substring_index("table_name", ".", 1)
    in_run = Window.partitionBy("run_id", layer)
    judged = results.withColumn("accepted", F.min("success").over(in_run))
    measured = F.map_from_entries(
        F.collect_list(F.when(F.col("shares").isNotNull(), F.struct("column", "shares")))
    )
    versions = judged.groupBy("table_name", "run_id", "version", "accepted").agg(
        F.max("checked_at").alias("checked_at"),
        F.max(F.when(F.col("expectation") == ROW_COUNT, F.col("observed"))).cast("bigint").alias("rows"),
        measured.alias("shares"),
    )
    newest = Window.partitionBy("table_name", "accepted").orderBy(F.desc("version"), F.desc("checked_at"))
    kept = versions.withColumn("place", F.row_number().over(newest)).filter(F.col("place") <= _REMEMBERED)
    rows = kept.select("*", F.unix_millis("checked_at").alias("checked_ms")).orderBy("place").collect()
    accepted: dict[str, list[Accepted]] = {}
    for row in rows:
        if row["accepted"]:
            accepted.setdefault(row["table_name"], []).append(_accepted(row))
    names = frozenset(row["table_name"] for row in rows)
    return {name: tuple(found) for name, found in accepted.items()}, names


def _accepted(row: Row) -> Accepted:
    # pyspark gives times in this machine's zone, without saying so
    checked_at = row["checked_at"].astimezone()
    return Accepted(row["version"], checked_at, row["rows"] or 0, row["shares"] or {})
