"""A user's replay request: which quarantined rows, and what to change in them. No Spark in here."""

import argparse
import json
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import NamedTuple, NoReturn

from lakehouse.argument_types import moment
from lakehouse.errors import InputError

_NOT_UTF_8 = "it is not UTF-8 text"
_NAME_A_FILE = "name a file with one SELECT, saved as UTF-8"


class Assignment(NamedTuple):
    """One field of the JSON object and its new value, written as JSON."""

    field: str
    value: str

    def __str__(self) -> str:
        return f"{self.field}={self.value}"


class Request(NamedTuple):
    """`rule` and `since` (Kafka timestamp) select among the open rows; at most one of the two changes is given."""

    rule: str | None = None
    since: datetime | None = None
    assignments: tuple[Assignment, ...] = ()
    fix: str | None = None
    dry_run: bool = False

    @property
    def cause(self) -> str:
        """How silver.corrections records it."""
        if self.fix is not None:
            return f"fix {self.fix}"
        if self.assignments:
            return "set " + ", ".join(str(assignment) for assignment in self.assignments)
        return "rules"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--rule", metavar="RULE", help="only rows that break this rule (default: all open rows)")
    parser.add_argument(
        "--since",
        type=moment,
        metavar="TIME",
        help="only records that Kafka received at or after this time: 2026-01-31T12:00Z",
    )
    change = parser.add_mutually_exclusive_group()
    change.add_argument(
        "--set",
        action="append",
        dest="assignments",
        type=assignment,
        metavar="FIELD=VALUE",
        help="set this field of the record; may be repeated",
    )
    change.add_argument(
        "--fix",
        type=Path,
        metavar="FILE.sql",
        help="one SELECT over the view quarantine that returns topic, partition, offset, value",
    )
    parser.add_argument("--dry-run", action="store_true", help="show what would happen, and change nothing")


def request_from(args: argparse.Namespace) -> Request:
    """The request from the arguments. Raises InputError if --fix's file cannot be read or a field is set twice."""
    assignments: Sequence[Assignment] = args.assignments or ()
    fields = [assignment.field for assignment in assignments]
    twice = next((name for name in fields if fields.count(name) > 1), None)
    if twice is not None:
        raise InputError(f"--set gives {twice} twice", todo="give each field one value")
    fix = _read(args.fix) if args.fix is not None else None
    return Request(args.rule, args.since, tuple(assignments), fix, args.dry_run)


def assignment(text: str) -> Assignment:
    """`rating=3.5`: a JSON value if it is one, otherwise a string. Raises an argument error without a field."""
    field, equals, value = text.partition("=")
    if not equals or not field.strip():
        raise argparse.ArgumentTypeError(f"{text!r} is not FIELD=VALUE; write rating=3.5 or titulo='El viaje'")
    try:
        json.loads(value, parse_constant=_refuse)
    except (ValueError, RecursionError):
        value = json.dumps(value, ensure_ascii=False)
    return Assignment(field.strip(), value)


def _refuse(name: str) -> NoReturn:
    """Refuse NaN and Infinity: they are not JSON, though Python reads them."""
    raise ValueError(name)


def _read(file: Path) -> str:
    try:
        text = file.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or _NOT_UTF_8
        raise InputError(f"cannot read {file}: {reason}", todo=_NAME_A_FILE) from error
    if "\0" in text:
        raise InputError(f"cannot read {file}: {_NOT_UTF_8}", todo=_NAME_A_FILE)
    if not text.strip():
        raise InputError(f"{file} is empty", todo="write one SELECT of topic, partition, offset, value into it")
    return text
