"""Times of the wire format: which texts are accepted, and as which moment."""

from datetime import datetime, timedelta

import pytest

from lakehouse.moments import calendar_date, day_text, event_time, moment_text, year_of

# As read from JSON: the text of a string, or the digits of a number.
MOMENTS = {
    # ISO 8601
    "2025-05-13T11:59:00Z": "2025-05-13 11:59:00",
    "2025-05-13t11:59:00z": "2025-05-13 11:59:00",
    "2025-05-13 11:59:00Z": "2025-05-13 11:59:00",
    "2025-05-13T11:59:00": "2025-05-13 11:59:00",  # no zone is UTC
    "2025-05-13 11:59:00": "2025-05-13 11:59:00",
    "2025-05-13T11:59": "2025-05-13 11:59:00",
    "2025-05-13 11:59": "2025-05-13 11:59:00",
    "2025-05-13T11:59Z": "2025-05-13 11:59:00",
    # fractions
    "2025-05-13T11:59:00.5Z": "2025-05-13 11:59:00.5",
    "2025-05-13T11:59:00,5Z": "2025-05-13 11:59:00.5",
    "2025-05-13 11:58:00.250000": "2025-05-13 11:58:00.25",
    "2025-05-13T11:59:00.123456Z": "2025-05-13 11:59:00.123456",
    "2025-05-13T11:59:00.123456789Z": "2025-05-13 11:59:00.123456",  # truncated, not rounded up
    "2025-05-13T23:59:59.999999999Z": "2025-05-13 23:59:59.999999",
    # zones
    "2025-05-13T06:59:00-05:00": "2025-05-13 11:59:00",
    "2025-05-13T16:59:00+0500": "2025-05-13 11:59:00",
    "2025-05-13T16:59:00+05": "2025-05-13 11:59:00",
    "2025-05-13T17:29:00+05:30": "2025-05-13 11:59:00",
    "2025-05-13 11:59:00 +00:00": "2025-05-13 11:59:00",
    "2025-05-13T11:59:00-00:00": "2025-05-13 11:59:00",
    "2025-05-14T01:59:00+14:00": "2025-05-13 11:59:00",
    "2024-02-29T00:00:00Z": "2024-02-29 00:00:00",
    # the earliest moments
    "1970-01-01T00:00:00Z": "1970-01-01 00:00:00",
    "1970-01-01T01:00:00+01:00": "1970-01-01 00:00:00",
    "0": "1970-01-01 00:00:00",
    # epoch seconds
    "1747137540": "2025-05-13 11:59:00",
    "1747137540.5": "2025-05-13 11:59:00.5",
    "1747137540.123456": "2025-05-13 11:59:00.123456",
    "99999999999": "5138-11-16 09:46:39",  # the last number that is seconds
    # epoch milliseconds
    "100000000000": "1973-03-03 09:46:40",  # the first number that is milliseconds
    "1747137540123": "2025-05-13 11:59:00.123",
    "1747137540123.5": "2025-05-13 11:59:00.1235",
    "1747137540.1234567": "2025-05-13 11:59:00.123456",  # truncated, not rounded up
}

# Texts that are not a moment, by the reason.
NO_MOMENTS = {
    "a day": "2025-05-13",
    "a time": "11:59:00",
    "hour 24": "2025-05-13T24:00:00Z",
    "minute 60": "2025-05-13T11:60:00Z",
    "second 60": "2025-05-13T11:59:60Z",
    "month 13": "2025-13-01T00:00:00Z",
    "month 0": "2025-00-01T00:00:00Z",
    "30 February": "2025-02-30T10:00:00Z",
    "no leap year": "2023-02-29T10:00:00Z",
    "a fraction without digits": "2025-05-13T11:59:00.Z",
    "a zone with minute 60": "2025-05-13T11:59:00+05:60",
    "a fraction of a minute": "2025-05-13T11:59.5Z",
    "ten digits of fraction": "2025-05-13T11:59:00.1234567891Z",
    "an hour of one digit": "2025-05-13T1:59:00Z",
    "a year of two digits": "25-05-13T11:59:00Z",
    "a year of five digits": "12025-05-13T11:59:00Z",
    "a negative year": "-2025-05-13T11:59:00Z",
    "day first": "13/05/2025 11:59",
    "slashes": "2025/05/13 11:59:00",
    "the basic format": "20250513T115900Z",
    "a zone's name": "2025-05-13T11:59:00 America/Mexico_City",
    "a zone's letters": "2025-05-13T11:59:00 CST",
    "a zone too far": "2025-05-13T11:59:00+19:00",
    "something after it": "2025-05-13T11:59:00Z x",
    "before 1970": "1969-12-31T23:59:59.999Z",
    "before 1970, by its zone": "1970-01-01T00:30:00+01:00",
    "negative": "-1",
    "an exponent": "1.7e9",
    "a plus sign": "+1747137540",
    "a point at the end": "1747137540.",
    "microseconds": "1747137540123456",
    "words": "ayer",
    "now": "now",
    "epoch": "epoch",
    "Arabic digits": "\u0662\u0660\u0662\u0665-05-13T11:59:00Z",
    "empty": "",
}

DAYS = {
    "2024-02-29": "2024-02-29",
    "1969-12-31": "1969-12-31",  # a subscription may predate 1970, an event may not
    "2024-02-29T23:30:00Z": "2024-02-29",
    "2024-02-29T23:30:00-05:00": "2024-03-01",  # the day of the moment in UTC
    "2024-02-29 10:00": "2024-02-29",
    "1965-05-05T00:00:00Z": "1965-05-05",
}
NO_DAYS = (
    "2023-02-29",
    "2024-2-9",
    "2024",
    "2024-02",
    "29/02/2024",
    "1709164800",
    "20240229",
    "",
    "today",
    "2024-02-30T00:00:00Z",
)


EPOCH = datetime(1970, 1, 1)


def moment(text: str) -> str | None:
    """The parsed moment, written as above: in UTC, without trailing zeros."""
    micros = event_time(text)
    if micros is None:
        return None
    shown = (EPOCH + timedelta(microseconds=micros)).isoformat(sep=" ")
    return shown.rstrip("0") if "." in shown else shown


def day(text: str) -> str | None:
    days = calendar_date(text)
    return None if days is None else (EPOCH + timedelta(days=days)).date().isoformat()


@pytest.mark.parametrize("text", MOMENTS)
def test_a_moment_is_read(text: str) -> None:
    assert moment(text) == MOMENTS[text]


@pytest.mark.parametrize("reason", NO_MOMENTS)
def test_no_moment_is_guessed(reason: str) -> None:
    assert event_time(NO_MOMENTS[reason]) is None


@pytest.mark.parametrize("text", DAYS)
def test_a_day_is_read(text: str) -> None:
    assert day(text) == DAYS[text]


@pytest.mark.parametrize("text", NO_DAYS)
def test_no_day_is_guessed(text: str) -> None:
    assert calendar_date(text) is None


def test_none_is_no_moment() -> None:
    assert event_time(None) is None
    assert calendar_date(None) is None


@pytest.mark.parametrize(
    ("micros", "text"),
    [
        (1_747_137_600_123_999, "2025-05-13T12:00:00.123Z"),  # truncated
        (0, "1970-01-01T00:00:00.000Z"),
        (-1_000, "1969-12-31T23:59:59.999Z"),  # Kafka's -1: no timestamp
        (253_402_300_800_000_000, "+10000-01-01T00:00:00.000Z"),  # where Python's own dates have ended
        (-62_167_219_200_001_000, "-0001-12-31T23:59:59.999Z"),
    ],
)
def test_a_moment_is_written_as_spark_writes_it(micros: int, text: str) -> None:
    assert moment_text(micros) == text


def test_a_day_has_a_year_beyond_9999() -> None:
    last = calendar_date("9999-12-31")
    assert last is not None
    assert (day_text(last), year_of(last)) == ("9999-12-31", 9999)
    assert (day_text(last + 60), year_of(last + 60)) == ("+10000-02-29", 10_000)
