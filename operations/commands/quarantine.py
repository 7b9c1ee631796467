"""`lakehouse quarantine`: the rejected rows as a work list, and their replay."""

import argparse
from collections.abc import Iterable, Mapping
from itertools import groupby
from typing import Any, NamedTuple

from lakehouse.lakehouse import Lakehouse
from lakehouse.replay_request import Request, request_from
from operations.call import Call
from operations.output import print_json, print_table
from silver.quarantine import worklist
from silver.quarantine.worklist import RejectedGroup

_SHOWN_LINES = 40
# A reason may quote a whole document; for any other field both values of a comparison are shown.
_SHOWN_DOCUMENT, _SHOWN_REASON, _SHOWN_VALUE = 30, 90, 60


class _Line(NamedTuple):
    """One line of the list; `day` is the first and the last one of several."""

    rule: str
    topic: str
    day: str
    rows: int
    sample: str
    because_of: str


def run(args: argparse.Namespace, call: Call) -> int:
    lake = Lakehouse(call.settings.root)
    if args.action == "replay":
        _replay(request_from(args), call, json=args.json)
    elif args.action == "show":
        _show(lake, args)
    else:
        _list(lake, args)
    return 0


def _replay(request: Request, call: Call, *, json: bool) -> None:
    from silver import replay  # only this needs Spark

    with call.spark() as spark:
        report = replay.run(spark, call.settings, request)
    if json:
        print_json(replay.described(report, dry_run=request.dry_run))
    else:
        print("\n".join(replay.report_lines(report, dry_run=request.dry_run)))


def _list(lake: Lakehouse, args: argparse.Namespace) -> None:
    rejected = worklist.entries(lake)
    numbers = worklist.count_by_status(rejected)
    groups = worklist.by_rule(rejected)
    if args.json:
        print_json({**numbers, "groups": [group._asdict() for group in groups]})
        return
    lines = [_line_of(group) for group in groups] if args.days else over_all_days(groups)
    columns = ("rule", "topic", "day" if args.days else "days", "rows", "sample", "because of")
    print_table(columns, lines[:_SHOWN_LINES], title="open rows; a row that breaks several rules counts in each")
    if len(lines) > _SHOWN_LINES:
        print(f"the first {_SHOWN_LINES} of {len(lines):,} lines; --json has all")
    print(f"{numbers['open']:,} open, {numbers['resolved']:,} resolved")


def over_all_days(groups: Iterable[RejectedGroup]) -> list[_Line]:
    """One line per rule and topic, with the first and the last day and the first day's sample."""
    lines = []
    for _, of_topic in groupby(groups, key=lambda one: (one.rule, one.topic)):  # ordered by rule, topic, day
        days = list(of_topic)
        first, last = days[0].day, days[-1].day
        span = str(first) if first == last else f"{first} to {last}"
        lines.append(_line_of(days[0])._replace(day=span, rows=sum(day.rows for day in days)))
    return lines


def _line_of(group: RejectedGroup) -> _Line:
    """The group with its sample's Kafka coordinates, and the judged field with its value."""
    return _Line(
        *(group.rule, group.topic, str(group.day), group.rows),
        *(_coordinates(group.sample), _judged(group.sample["reason"])),
    )


def _judged(reason: Mapping[str, Any]) -> str:
    """The field that breaks a rule, with its value if it has one."""
    field, value = reason["field"], reason["value"]
    length = _SHOWN_DOCUMENT if field in ("value", "key") else _SHOWN_REASON
    return _short(f"{field}={value}" if value is not None else str(field), length)


def _show(lake: Lakehouse, args: argparse.Namespace) -> None:
    rejected = worklist.entries(lake)
    worklist.require_rule(rejected, args.rule)
    rows = worklist.of_rule(rejected, args.rule, limit=args.limit + 1)
    shown = rows[: args.limit]
    if args.json:
        print_json(shown)
        return
    columns = ("record", "Kafka timestamp", "key", "reasons", "value", "corrected")
    print_table(columns, [_line(row) for row in shown], title=f"open rows that break {args.rule}")
    if len(rows) > args.limit:
        print(f"the first {args.limit} rows; --limit shows more")


def _line(row: Mapping[str, Any]) -> tuple[Any, ...]:
    reasons = [f"{reason['rule']}: {_judged(reason)}" for reason in row["reasons"]]
    return (
        _coordinates(row),
        row["kafka_timestamp"],
        row["key"],
        "\n".join(reasons),
        _short(row["value"] or "NULL", _SHOWN_VALUE),
        row["is_corrected"],
    )


def _coordinates(record: Mapping[str, Any]) -> str:
    """The record's place in Kafka, as topic/partition/offset."""
    return f"{record['topic']}/{record['partition']}/{record['offset']}"


def _short(text: str, length: int) -> str:
    """The text on one line, cut if it is longer."""
    line = " ".join(text.split())
    return line if len(line) <= length else f"{line[:length]}..."
