"""A small sample of messages from the project's own producers, as Kafka records and as bronze rows.

    python -m tests.support.sample_messages     # writes tests/sample/messages.jsonl

One JSON object per line: the topic's kind, the key, the Kafka timestamp in milliseconds, and the value as text,
or its bytes in base64 if they are not valid UTF-8.
"""

import base64
import json
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

from lakehouse.tables import BRONZE_FEEDBACK, Table
from producers.made_up.activity import feedback_records
from producers.made_up.entities import movie_records, series_records, user_records
from producers.sending.records import Record
from tests.support.folders import PROJECT
from tests.support.records import Row, bronze_row

FILE = PROJECT / "tests" / "sample" / "messages.jsonl"
SEED, USERS, MOVIES, SERIES, FEEDBACK, DIRTY = 7, 60, 70, 30, 420, 0.03


def sample_rows(table: Table) -> list[Row]:
    """The sample as stream 1 writes it to one of the bronze tables, with one partition per topic."""
    kinds = ("feedback",) if table is BRONZE_FEEDBACK else ("users", "movies", "series")
    offsets = dict.fromkeys(kinds, 0)
    rows = []
    for message in read_messages():
        kind = message["topic"]
        if kind in kinds:
            rows.append(_row(message, offset=offsets[kind]))
            offsets[kind] += 1
    return rows


def read_messages() -> list[dict[str, Any]]:
    return [json.loads(line) for line in FILE.read_text(encoding="utf-8").splitlines()]


def _row(message: dict[str, Any], *, offset: int) -> Row:
    sent = base64.b64decode(message["base64"]) if "base64" in message else message["value"]
    at = datetime.fromtimestamp(message["at"] / 1000, UTC).isoformat()
    return bronze_row(sent, key=message["key"], at=at, topic=message["topic"], offset=offset)


def _made() -> Iterator[dict[str, Any]]:
    for kind, records in (
        ("users", user_records(SEED, USERS, dirty=DIRTY)),
        ("movies", movie_records(SEED, MOVIES, dirty=DIRTY)),
        ("series", series_records(SEED, SERIES, dirty=DIRTY)),
        ("feedback", feedback_records(SEED, FEEDBACK, users=USERS, movies=MOVIES, series=SERIES, dirty=DIRTY)),
    ):
        for record in records:
            yield {"topic": kind, "key": _text(record.key), "at": record.timestamp_ms, **_value(record)}


def _text(key: bytes | None) -> str | None:
    return None if key is None else key.decode()


def _value(record: Record) -> dict[str, str | None]:
    if record.value is None:
        return {"value": None}
    try:
        return {"value": record.value.decode()}
    except UnicodeDecodeError:
        return {"base64": base64.b64encode(record.value).decode()}


if __name__ == "__main__":
    FILE.parent.mkdir(exist_ok=True)
    lines = [json.dumps(message, ensure_ascii=False) for message in _made()]
    FILE.write_text("\n".join(lines) + "\n", encoding="utf-8")
