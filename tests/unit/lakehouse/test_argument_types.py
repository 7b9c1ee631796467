"""Values of arguments: what each type accepts, and what it says about anything else."""

import argparse
from collections.abc import Callable
from datetime import UTC, datetime

import pytest

from lakehouse.argument_types import (
    duration,
    event_moment,
    interval,
    minutes,
    moment,
    natural,
    positive,
    rate,
    share,
)

INTERVALS = {
    "500ms": "500 milliseconds",
    "5s": "5000 milliseconds",
    "1.5s": "1500 milliseconds",
    "1m": "60000 milliseconds",
    "2h": "7200000 milliseconds",
    " 10 s ": "10000 milliseconds",
    "0s": "0 milliseconds",  # as fast as possible
}
NO_INTERVALS = ("", "5", "s", "-5s", "5 seconds", "5d", "1,5s", "5s 3m", ".5s", "1e3ms", "5S")


@pytest.mark.parametrize("text", INTERVALS)
def test_an_interval_is_read(text: str) -> None:
    assert interval(text) == INTERVALS[text]


@pytest.mark.parametrize("text", NO_INTERVALS)
def test_no_interval_is_guessed(text: str) -> None:
    with pytest.raises(argparse.ArgumentTypeError, match="write 500ms, 5s, 1m or 1h"):
        interval(text)


@pytest.mark.parametrize(("text", "seconds"), [("500ms", 0.5), ("60s", 60.0), ("1.5m", 90.0), ("2h", 7200.0)])
def test_a_duration_is_read_in_seconds(text: str, seconds: float) -> None:
    assert duration(text) == seconds


@pytest.mark.parametrize("text", [*NO_INTERVALS, "0s", "0ms"])
def test_no_duration_is_guessed_and_none_is_nothing(text: str) -> None:
    with pytest.raises(argparse.ArgumentTypeError, match="write 500ms, 5s, 1m or 1h"):
        duration(text)


@pytest.mark.parametrize(
    ("kind", "text", "value"),
    [
        (natural, "0", 0),
        (natural, "007", 7),
        (positive, "1", 1),
        (share, "0", 0.0),
        (share, "1", 1.0),
        (share, "2e-2", 0.02),
        (rate, "0.5", 0.5),
        (minutes, "30", 30.0),
    ],
)
def test_a_number_is_read(kind: Callable[[str], float], text: str, value: float) -> None:
    assert kind(text) == value


@pytest.mark.parametrize(
    ("kind", "texts", "line"),
    [
        (natural, ("-1", "1.5", "", " 1", "+1", "one", "²"), "is not a whole number; write 0 or more"),
        (positive, ("0", "00", "-1", "1.0", "", "²"), "is not a whole number above 0; write 1 or more"),
        (share, ("-0.1", "1.1", "nan", "inf", "half", ""), "is not a share; write a number from 0 to 1"),
        (
            rate,
            ("0", "-1", "nan", "inf", "fast", ""),
            "is not a rate; write records per second, such as 50 or 0.5",
        ),
        (minutes, ("0", "-1", "nan", "inf", "1m", ""), "is not a number of minutes; write 30 or 0.5"),
    ],
)
def test_anything_else_is_refused_with_what_to_write(
    kind: Callable[[str], float], texts: tuple[str, ...], line: str
) -> None:
    for text in texts:
        with pytest.raises(argparse.ArgumentTypeError) as error:
            kind(text)
        assert str(error.value) == f"{text!r} {line}"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2026-01-31", datetime(2026, 1, 31, tzinfo=UTC)),
        ("2026-01-31T12:00", datetime(2026, 1, 31, 12, tzinfo=UTC)),
        ("2026-01-31T12:00-06:00", datetime(2026, 1, 31, 18, tzinfo=UTC)),
    ],
)
def test_a_time_without_a_zone_is_utc(text: str, expected: datetime) -> None:
    assert moment(text) == expected
    assert event_moment(text) == expected


@pytest.mark.parametrize("kind", [moment, event_moment])
def test_what_is_not_a_time_is_refused(kind: Callable[[str], datetime]) -> None:
    with pytest.raises(argparse.ArgumentTypeError, match="'yesterday' is not a time; write 2026-01-31 or "):
        kind("yesterday")


def test_an_event_is_after_1970() -> None:
    """The clock of epoch seconds begins there, and a zone may shift a time by a day."""
    assert event_moment("1971-01-01").year == 1971
    with pytest.raises(argparse.ArgumentTypeError, match="'1970-12-31' is too early; write a time after 1970"):
        event_moment("1970-12-31")
