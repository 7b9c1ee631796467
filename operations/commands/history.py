"""`lakehouse history TABLE`: its versions, newest first."""

import argparse
from typing import Any

from lakehouse import storage
from lakehouse.tables import find_table
from operations.call import Call
from operations.output import print_json, print_table


def run(args: argparse.Namespace, call: Call) -> int:
    table = find_table(args.table)
    with call.spark() as spark:
        versions = [
            _version(row.asDict(recursive=True))
            for row in storage.delta_table(spark, call.settings.root, table).history(args.limit).collect()
        ]
    if args.json:
        print_json(versions)
    else:
        columns = ("version", "time", "operation", "rows written", "details")
        print_table(columns, [[version[name] for name in columns] for version in versions], title=table.sql_name)
    return 0


def _version(entry: dict[str, Any]) -> dict[str, Any]:
    metrics = entry["operationMetrics"] or {}
    details: dict[str, Any] = {}
    if entry["operation"] == "MERGE":
        details = {
            name: int(metrics.get(f"numTargetRows{name.capitalize()}", 0))
            for name in ("inserted", "updated", "deleted")
        }
        rows = details["inserted"] + details["updated"]
    else:
        rows = int(metrics.get("numOutputRows", 0))
    if entry["operation"] == "STREAMING UPDATE":
        details = {"batch": (entry["operationParameters"] or {}).get("epochId")}
    if entry["userMetadata"]:
        details = {**details, "made_from": entry["userMetadata"]}
    return {
        "version": entry["version"],
        "time": entry["timestamp"],
        "operation": entry["operation"],
        "rows written": rows,
        "details": ", ".join(f"{name} {value}" for name, value in details.items()),
    }
