"""`lakehouse diff TABLE V1 V2`: which rows were added, changed (in which columns) and removed from V1 to V2."""

import argparse
from typing import Any

import pyarrow as pa
from deltalake.exceptions import DeltaError

from lakehouse.errors import TableError, first_line
from lakehouse.lakehouse import Lakehouse
from lakehouse.tables import Table, find_table
from operations.call import Call
from operations.differences import CHANGED, ChangedRow, Difference, compare_versions, shared_columns
from operations.output import cell, print_json, print_table


def run(args: argparse.Namespace, call: Call) -> int:
    table = find_table(args.table)
    changes = difference(Lakehouse(call.settings.root), table, args.before, args.after, limit=args.limit)
    if args.json:
        print_json(
            {
                "table": table.sql_name,
                "versions": [args.before, args.after],
                **changes._asdict(),
                "rows": [_public(row) for row in changes.rows],
            }
        )
    else:
        _show(changes, title=f"{table.sql_name}, version {args.before} to {args.after}")
    return 0


def difference(lake: Lakehouse, table: Table, before: int, after: int, *, limit: int) -> Difference:
    """What changed between two versions. Raises TableError if a version, or a file of it, no longer exists."""
    lake.require_versions(table, before, after)
    try:
        columns = shared_columns(lake, table, before, after)
        if not set(table.key) <= set(columns.shared):
            raise TableError(f"the two versions of {table.sql_name} do not share its key {', '.join(table.key)}")
        return compare_versions(lake, table, before, after, columns=columns, key=table.key, limit=limit)
    except (DeltaError, OSError, pa.ArrowException) as error:
        raise TableError(
            f"version {before} or {after} of {table.sql_name} cannot be read: {first_line(error)}",
            todo="compare newer versions: VACUUM may have deleted the files of old ones",
        ) from error


def _public(row: ChangedRow) -> dict[str, Any]:
    if row.before and row.after:
        columns = {name: {"before": row.before[name], "after": row.after[name]} for name in row.columns}
        return {"change": CHANGED, "key": row.key, "columns": columns}
    return {"change": row.change, "key": row.key, "row": row.after or row.before}


def _show(changes: Difference, *, title: str) -> None:
    print(title)
    print_table(("added", "changed", "removed"), [(changes.added, changes.changed, changes.removed)])
    if changes.columns:
        print_table(("changed column", "rows"), list(changes.columns.items()))
    if changes.not_compared:
        print(f"not compared, absent or of another type in one version: {', '.join(changes.not_compared)}")
    if changes.rows:
        shown = [_public(row) for row in changes.rows]
        print_table(("change", "key", "what"), [(row["change"], _key(row), _what(row)) for row in shown])
    total = changes.added + changes.changed + changes.removed
    if total > len(changes.rows):
        print(f"the first {len(changes.rows):,} of {total:,} rows; --limit shows more")


def _key(row: dict[str, Any]) -> str:
    return ", ".join(cell(value) for value in row["key"].values())


def _what(row: dict[str, Any]) -> str | dict[str, Any]:
    if row["change"] != CHANGED:
        return {name: value for name, value in row["row"].items() if value is not None and name not in row["key"]}
    return "\n".join(
        f"{name}: {cell(pair['before'])} -> {cell(pair['after'])}" for name, pair in row["columns"].items()
    )
