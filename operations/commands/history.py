"""`lakehouse history TABLE`: its versions, newest first."""

import argparse
from typing import Any

from lakehouse.history.commits import merged_rows, rows_written, stream_batch
from lakehouse.history.log import Commit, commit_times, table_log
from lakehouse.lakehouse import Lakehouse
from lakehouse.tables import find_table
from operations.call import Call
from operations.output import print_json, print_table


def run(args: argparse.Namespace, call: Call) -> int:
    table = find_table(args.table)
    lake = Lakehouse(call.settings.root)
    commits = lake.history(table, limit=args.limit)
    times = commit_times(table_log(lake.folder, table))
    versions = [_version(commit) | {"time": times.get(commit.version, commit.written_at)} for commit in commits]
    if args.json:
        print_json(versions)
    else:
        columns = ("version", "time", "operation", "rows written", "details")
        print_table(columns, [[version[name] for name in columns] for version in versions], title=table.sql_name)
    return 0


def _version(commit: Commit) -> dict[str, Any]:
    details: dict[str, Any] = {}
    if commit.operation == "MERGE":
        details = dict(merged_rows(commit))
    batch = stream_batch(commit)
    if batch is not None:
        details = {"batch": batch.number}
    elif commit.note:
        details = {**details, "made_from": commit.note}
    return {
        "version": commit.version,
        "time": commit.written_at,
        "operation": commit.operation,
        "rows written": rows_written(commit),
        "details": ", ".join(f"{name} {value}" for name, value in details.items()),
    }
