"""One Kafka record without its topic, and how an event's fields are encoded."""

import json
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any, NamedTuple

from lakehouse.moments import LAST_MICROS, event_time
from lakehouse.text import cleaned

Fields = dict[str, Any]


class Record(NamedTuple):
    """The record to send. `timestamp_ms` is the Kafka timestamp; None means the time of sending."""

    key: bytes | None
    value: bytes | None
    timestamp_ms: int | None


class Feed(NamedTuple):
    """The records of one producer, and the topic that they go to."""

    name: str
    topic: str
    records: Iterable[Record]


def encode(fields: Mapping[str, Any]) -> bytes:
    """The event as UTF-8 JSON, in the order of its fields."""
    return json.dumps(fields, ensure_ascii=False).encode()


def isoformat(instant_ms: int) -> str:
    """Milliseconds since 1970 as `2025-01-01T00:00:00.000Z`."""
    return as_datetime(instant_ms).strftime("%Y-%m-%dT%H:%M:%S") + f".{instant_ms % 1000:03d}Z"


def event_micros(text: str) -> int | None:
    """Microseconds since 1970 for a time in any format that silver reads; None for any other text."""
    micros = event_time(cleaned(text))
    return micros if micros is not None and micros <= LAST_MICROS else None


def isoformat_micros(instant_us: int) -> str:
    """ISO 8601 from microseconds since 1970, with as many digits as needed: `.000Z` or `.000001Z`."""
    text, rest = isoformat(instant_us // 1000), instant_us % 1000
    return f"{text[:-1]}{rest:03d}Z" if rest else text


def as_datetime(instant_ms: int) -> datetime:
    return datetime.fromtimestamp(instant_ms // 1000, UTC)


def milliseconds(instant: datetime) -> int:
    """Milliseconds since 1970; a datetime without a zone is UTC."""
    aware = instant if instant.tzinfo else instant.replace(tzinfo=UTC)
    return round(aware.timestamp() * 1000)


def decade_of(year: int) -> str:
    return f"{year // 10 * 10}s"
