"""`lakehouse quarantine`: the rejected rows as a work list, and their replay."""

import argparse
from collections.abc import Mapping
from itertools import groupby
from operator import itemgetter
from typing import Any

from pyspark.sql import Row, SparkSession

from lakehouse.replay_request import request_from
from lakehouse.settings import Settings
from lakehouse.spark.lakehouse import SparkLakehouse
from operations.call import Call
from operations.output import print_json, print_table
from silver import replay
from silver.quarantine import worklist
from silver.quarantine.resolution import entries

_SHOWN_LINES = 40
# A reason may quote a whole document; for any other field both values of a comparison are shown.
_SHOWN_DOCUMENT, _SHOWN_REASON, _SHOWN_VALUE = 30, 90, 60


def run(args: argparse.Namespace, call: Call) -> int:
    settings = call.settings
    request = request_from(args) if args.action == "replay" else None
    with call.spark() as spark:
        if request is not None:
            report = replay.run(spark, settings, request)
            if args.json:
                print_json(replay.as_json(report, dry_run=request.dry_run))
            else:
                print("\n".join(replay.told(report, dry_run=request.dry_run)))
        elif args.action == "show":
            _show(spark, settings, args)
        else:
            _list(spark, settings, args)
    return 0


def _list(spark: SparkSession, settings: Settings, args: argparse.Namespace) -> None:
    found = entries(SparkLakehouse(settings.root, spark))
    counts = {row["status"]: row["count"] for row in found.groupBy("status").count().collect()}
    numbers = {status: counts.get(status, 0) for status in ("open", "resolved")}
    groups = [row.asDict(recursive=True) for row in worklist.by_rule(found).collect()]
    if args.json:
        print_json({**numbers, "groups": groups})
        return
    lines = groups if args.days else over_all_days(groups)
    columns = ("rule", "topic", "day" if args.days else "days", "rows", "sample", "because of")
    shown = [
        (line["rule"], line["topic"], str(line["day"]), line["rows"], *_sample(line["sample"]))
        for line in lines[:_SHOWN_LINES]
    ]
    print_table(columns, shown, title="open rows; a row that breaks several rules counts in each")
    if len(lines) > len(shown):
        print(f"the first {len(shown)} of {len(lines):,} lines; --json has all")
    print(f"{numbers['open']:,} open, {numbers['resolved']:,} resolved")


def over_all_days(groups: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """One line per rule and topic, with the first and the last day and the first day's sample."""
    lines = []
    for _, of_topic in groupby(groups, key=itemgetter("rule", "topic")):  # they are ordered by rule, topic, day
        days = list(of_topic)
        first, last = days[0]["day"], days[-1]["day"]
        told = first if first == last else f"{first} to {last}"
        lines.append({**days[0], "day": told, "rows": sum(day["rows"] for day in days)})
    return lines


def _sample(sample: dict[str, Any]) -> tuple[str, str]:
    """The sample's Kafka coordinates, and the judged field with its value."""
    return _coordinates(sample), _judged(sample["reason"])


def _judged(reason: Mapping[str, Any] | Row) -> str:
    """The field that breaks a rule, with its value if it has one."""
    field, value = reason["field"], reason["value"]
    length = _SHOWN_DOCUMENT if field in ("value", "key") else _SHOWN_REASON
    return _short(f"{field}={value}" if value is not None else str(field), length)


def _show(spark: SparkSession, settings: Settings, args: argparse.Namespace) -> None:
    found = entries(SparkLakehouse(settings.root, spark))
    replay.require_rule(found, args.rule, settings.silver)
    ordered = worklist.of_rule(found, args.rule)
    rows = ordered.limit(args.limit + 1).collect()
    shown = rows[: args.limit]
    if args.json:
        print_json([row.asDict(recursive=True) for row in shown])
        return
    columns = ("record", "Kafka timestamp", "key", "reasons", "value", "corrected")
    print_table(columns, [_line(row) for row in shown], title=f"open rows that break {args.rule}")
    if len(rows) > args.limit:
        print(f"the first {args.limit} rows; --limit shows more")


def _line(row: Row) -> tuple[Any, ...]:
    reasons = [f"{reason['rule']}: {_judged(reason)}" for reason in row["reasons"]]
    return (
        _coordinates(row.asDict()),
        row["kafka_timestamp"],
        row["key"],
        "\n".join(reasons),
        _short(row["value"] or "NULL", _SHOWN_VALUE),
        row["is_corrected"],
    )


def _coordinates(record: dict[str, Any]) -> str:
    """The record's place in Kafka, as topic/partition/offset."""
    return f"{record['topic']}/{record['partition']}/{record['offset']}"


def _short(text: str, length: int) -> str:
    """The text on one line, cut if it is longer."""
    line = " ".join(text.split())
    return line if len(line) <= length else f"{line[:length]}..."
