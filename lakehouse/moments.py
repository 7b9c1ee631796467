"""Times in the wire format, parsed without a clock."""

import re
from datetime import date
from functools import lru_cache

_ISO_DATE = re.compile("[0-9]{4}-[0-9]{2}-[0-9]{2}")
_ISO_TIMESTAMP = re.compile(
    r"([0-9]{4}-[0-9]{2}-[0-9]{2})[Tt ]([0-9]{2}):([0-9]{2})(?::([0-9]{2})(?:[.,]([0-9]{1,9}))?)?"
    r"[ \t]?(?:[Zz]|([+-])([0-9]{2})(?::?([0-9]{2}))?)?"
)
# Digits as they appear in JSON numbers and strings.
_EPOCH = re.compile(r"([0-9]{1,15})(?:\.([0-9]+))?")
# Seconds reach this value in the year 5138, milliseconds did in 1973.
_FIRST_MILLISECONDS = 100_000_000_000
_FARTHEST_ZONE_MINUTES = 18 * 60
_UNIX_EPOCH = date(1970, 1, 1).toordinal()
_MICROS = 1_000_000
# 400 years, after which the calendar repeats.
_CYCLE_DAYS = 146_097
# The end of the year 9999 in microseconds since 1970: the latest time of Python and of Spark's TIMESTAMP.
LAST_MICROS = 253_402_300_800 * _MICROS - 1


def event_time(text: str | None) -> int | None:
    """Microseconds since 1970 from ISO 8601 (no zone means UTC) or epoch seconds or milliseconds.

    None if the text is none of these, is not a real date, or is before 1970.
    """
    if text is None:
        return None
    if iso := _ISO_TIMESTAMP.fullmatch(text):
        moment = _iso_micros(*iso.groups())
    elif epoch := _EPOCH.fullmatch(text):
        moment = _epoch_micros(*epoch.groups(default=""))
    else:
        return None
    return moment if moment is not None and moment >= 0 else None


def calendar_date(text: str | None) -> int | None:
    """Days since 1970 from an ISO date, or of the UTC day of an ISO timestamp. None if it is not a real date."""
    if text is None:
        return None
    if _ISO_DATE.fullmatch(text):
        return _days(text)
    iso = _ISO_TIMESTAMP.fullmatch(text)
    moment = _iso_micros(*iso.groups()) if iso else None
    return moment // (86_400 * _MICROS) if moment is not None else None


def year_of(days: int) -> int:
    """The year of a day since 1970, also beyond 9999: epoch milliseconds reach further than Python's dates."""
    return _civil(days)[0]


def day_text(days: int) -> str:
    """The ISO date of a day since 1970; a year beyond 9999 has a sign, as in Spark."""
    year, month, day = _civil(days)
    return f"{year:04d}-{month:02d}-{day:02d}" if 0 <= year <= 9999 else f"{year:+05d}-{month:02d}-{day:02d}"


def moment_text(micros: int) -> str:
    """The ISO timestamp in UTC of microseconds since 1970, to the millisecond."""
    seconds, fraction = divmod(micros, _MICROS)
    days, second = divmod(seconds, 86_400)
    clock = f"{second // 3600:02d}:{second // 60 % 60:02d}:{second % 60:02d}.{fraction // 1000:03d}"
    return f"{day_text(days)}T{clock}Z"


def _civil(days: int) -> tuple[int, int, int]:
    """Year, month and day of the proleptic Gregorian calendar."""
    cycles, rest = divmod(days, _CYCLE_DAYS)
    day = date.fromordinal(_UNIX_EPOCH + rest)
    return day.year + 400 * cycles, day.month, day.day


def _iso_micros(
    day: str,
    hour: str,
    minute: str,
    second: str | None,
    fraction: str | None,
    sign: str | None,
    zone_hours: str | None,
    zone_minutes: str | None,
) -> int | None:
    days = _days(day)
    clock = int(hour), int(minute), int(second or 0)
    zone = int(zone_hours or 0), int(zone_minutes or 0)
    offset = zone[0] * 60 + zone[1]
    is_zone = zone[1] < 60 and offset <= _FARTHEST_ZONE_MINUTES
    if days is None or clock[0] > 23 or clock[1] > 59 or clock[2] > 59 or not is_zone:
        return None
    minutes = clock[0] * 60 + clock[1] - (-offset if sign == "-" else offset)
    return (days * 86_400 + minutes * 60 + clock[2]) * _MICROS + _digits(fraction or "", 6)


def _epoch_micros(whole: str, fraction: str) -> int:
    number = int(whole)
    if number < _FIRST_MILLISECONDS:
        return number * _MICROS + _digits(fraction, 6)
    return number * 1_000 + _digits(fraction, 3)


def _digits(fraction: str, count: int) -> int:
    """The first digits of a fraction, truncated, not rounded."""
    return int(fraction[:count].ljust(count, "0"))


@lru_cache(maxsize=10_000)  # most events are from a few days
def _days(day: str) -> int | None:
    try:
        return date(int(day[:4]), int(day[5:7]), int(day[8:])).toordinal() - _UNIX_EPOCH
    except ValueError:
        return None
