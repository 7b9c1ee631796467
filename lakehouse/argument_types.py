"""Types for argparse, one per kind of value. Each raises an argument error that says what to write instead."""

import re
from argparse import ArgumentTypeError
from datetime import UTC, datetime

_INTERVAL = re.compile(r"(\d+(?:\.\d+)?)\s*(ms|s|m|h)")
_MILLISECONDS = {"ms": 1, "s": 1000, "m": 60_000, "h": 3_600_000}


def natural(text: str) -> int:
    """A whole number from 0."""
    if not text.isdecimal():
        raise ArgumentTypeError(f"{text!r} is not a whole number; write 0 or more")
    return int(text)


def positive(text: str) -> int:
    """A whole number from 1."""
    if not text.isdecimal() or int(text) == 0:
        raise ArgumentTypeError(f"{text!r} is not a whole number above 0; write 1 or more")
    return int(text)


def share(text: str) -> float:
    number = _number(text)
    if number is None or not 0 <= number <= 1:
        raise ArgumentTypeError(f"{text!r} is not a share; write a number from 0 to 1")
    return number


def rate(text: str) -> float:
    """Records per second."""
    return _above_zero(text, "a rate; write records per second, such as 50 or 0.5")


def minutes(text: str) -> float:
    return _above_zero(text, "a number of minutes; write 30 or 0.5")


def interval(text: str) -> str:
    """`5s` as Spark writes it (`5000 milliseconds`)."""
    return f"{round(_milliseconds(text))} milliseconds"


def duration(text: str) -> float:
    """`5s` in seconds; zero is an error."""
    seconds = _milliseconds(text) / 1000
    if seconds == 0:
        raise ArgumentTypeError(f"{text!r} is zero; write 500ms, 5s, 1m or 1h")
    return seconds


def moment(text: str) -> datetime:
    """A date or time in ISO 8601, in UTC if it names no zone."""
    try:
        parsed = datetime.fromisoformat(text)
    except ValueError:
        raise ArgumentTypeError(f"{text!r} is not a time; write 2026-01-31 or 2026-01-31T12:00Z") from None
    return parsed if parsed.tzinfo else parsed.replace(tzinfo=UTC)


def event_moment(text: str) -> datetime:
    """The same, but late enough for the time of an event, in any zone."""
    instant = moment(text)
    if instant.year <= 1970:
        raise ArgumentTypeError(f"{text!r} is too early; write a time after 1970")
    return instant


def _above_zero(text: str, expected: str) -> float:
    number = _number(text)
    if number is None or not 0 < number < float("inf"):
        raise ArgumentTypeError(f"{text!r} is not {expected}")
    return number


def _number(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None


def _milliseconds(text: str) -> float:
    match = _INTERVAL.fullmatch(text.strip())
    if match is None:
        raise ArgumentTypeError(f"{text!r} is not an interval; write 500ms, 5s, 1m or 1h")
    number, unit = match.groups()
    return float(number) * _MILLISECONDS[unit]
