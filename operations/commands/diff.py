"""`lakehouse diff TABLE V1 V2`: which rows were added, changed (in which columns) and removed from V1 to V2."""

import argparse
from typing import Any, NamedTuple

from py4j.protocol import Py4JJavaError
from pyspark.errors import PySparkException
from pyspark.sql import DataFrame, Row, SparkSession

from lakehouse import storage
from lakehouse.errors import InputError, TableError, first_line
from lakehouse.history import delta_log
from lakehouse.tables import Table, find_table
from operations.call import Call
from operations.differences import ADDED, CHANGED, REMOVED, compare, shared_columns
from operations.output import cell, print_json, print_table


class Difference(NamedTuple):
    """Counts of rows; `columns` counts the changed rows per column. `rows` are the first of them.

    `not_compared` are columns that only one version has, or whose types differ.
    """

    added: int
    changed: int
    removed: int
    columns: dict[str, int]
    not_compared: list[str]
    rows: list[Row]


def run(args: argparse.Namespace, call: Call) -> int:
    table = find_table(args.table)
    with call.spark() as spark:
        found = difference(spark, call.settings.root, table, args.before, args.after, limit=args.limit)
    if args.json:
        print_json(
            {
                "table": table.sql_name,
                "versions": [args.before, args.after],
                **found._asdict(),
                "rows": [_public(row) for row in found.rows],
            }
        )
    else:
        _show(found, title=f"{table.sql_name}, version {args.before} to {args.after}")
    return 0


def difference(spark: SparkSession, root: str, table: Table, before: int, after: int, *, limit: int) -> Difference:
    """What changed between two versions. Raises TableError if a version, or a file of it, no longer exists."""
    _require_versions(spark, root, table, before, after)
    try:
        old = storage.read(spark, root, table, version=before)
        new = storage.read(spark, root, table, version=after)
        return _collect(old, new, table, limit)
    except (PySparkException, Py4JJavaError) as error:
        raise TableError(
            f"version {before} or {after} of {table.sql_name} cannot be read: {first_line(error)}",
            todo="compare newer versions: files of old ones are deleted after the promised time",
        ) from error


def _collect(old: DataFrame, new: DataFrame, table: Table, limit: int) -> Difference:
    shared = shared_columns(old, new)
    if not set(table.key) <= set(shared):
        raise TableError(f"the two versions of {table.sql_name} do not share its key {', '.join(table.key)}")
    changes = compare(old, new, key=table.key).persist()
    try:
        counted = changes.groupBy("change", "columns").count().collect()
        rows = changes.orderBy("change", "key", "before", "after").limit(limit).collect()
    finally:
        changes.unpersist()
    sums = {kind: sum(row["count"] for row in counted if row["change"] == kind) for kind in _KINDS}
    columns = {name: sum(row["count"] for row in counted if name in row["columns"]) for name in shared}
    others = [name for name in dict.fromkeys(old.columns + new.columns) if name not in shared]
    return Difference(
        **sums, columns={name: count for name, count in columns.items() if count}, not_compared=others, rows=rows
    )


_KINDS = (ADDED, CHANGED, REMOVED)


def _require_versions(spark: SparkSession, root: str, table: Table, *wanted: int) -> None:
    known = delta_log.versions(spark, storage.require(spark, root, table))
    for version in wanted:
        if version not in known:
            raise InputError(
                f"{table.sql_name} has no version {version}",
                todo=f"it has {known[0]} to {known[-1]}: lakehouse history {table.sql_name}",
            )


def _public(row: Row) -> dict[str, Any]:
    plain = row.asDict(recursive=True)
    if plain["change"] == CHANGED:
        changed = {
            name: {"before": plain["before"][name], "after": plain["after"][name]} for name in plain["columns"]
        }
        return {"change": CHANGED, "key": plain["key"], "columns": changed}
    return {"change": plain["change"], "key": plain["key"], "row": plain["after"] or plain["before"]}


def _show(found: Difference, *, title: str) -> None:
    print(title)
    print_table(("added", "changed", "removed"), [(found.added, found.changed, found.removed)])
    if found.columns:
        print_table(("changed column", "rows"), list(found.columns.items()))
    if found.not_compared:
        print(f"not in both versions with one type, and not compared: {', '.join(found.not_compared)}")
    if found.rows:
        shown = [_public(row) for row in found.rows]
        print_table(("change", "key", "what"), [(row["change"], _key(row), _what(row)) for row in shown])
    total = found.added + found.changed + found.removed
    if total > len(found.rows):
        print(f"the first {len(found.rows):,} of {total:,} rows; --limit shows more")


def _key(row: dict[str, Any]) -> str:
    return ", ".join(cell(value) for value in row["key"].values())


def _what(row: dict[str, Any]) -> str | dict[str, Any]:
    if row["change"] != CHANGED:
        return {name: value for name, value in row["row"].items() if value is not None and name not in row["key"]}
    return "\n".join(
        f"{name}: {cell(pair['before'])} -> {cell(pair['after'])}" for name, pair in row["columns"].items()
    )
