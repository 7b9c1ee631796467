"""What the soak sends: new, updated, late, repeated, deleted and broken records of every kind, drawn by a seed.

Also what only the next version accepts: a new field, a new type, and values beyond today's range.
"""

import json
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import count as count_up
from itertools import cycle
from typing import Any, NamedTuple

import numpy as np

from lakehouse.settings import KafkaSettings
from producers.made_up.activity import feedback_records
from producers.made_up.dirt import BREAKS
from producers.made_up.entities import movie_records, series_records, user_records
from producers.made_up.timeline import DEFAULT_START
from producers.sending.records import Record, encode, isoformat, milliseconds
from tests.soak.schedule import one_of

USERS, MOVIES, SERIES = 60, 60, 30
_FEEDBACK = 400
# After this many rounds the seeds come again: what they say is then an update with the values of before.
_ROUNDS = 5
# How many of the last records may be repeated, updated or deleted.
_REMEMBERED = 300
# The share of records...
_BROKEN, _CHANGED, _HELD_BACK, _REPEATED, _UPDATED, _DELETED, _NOBODYS = 0.12, 0.08, 0.06, 0.04, 0.04, 0.03, 0.003

# What some records say instead, by the kind of the topic.
CHANGES: Mapping[str, Sequence[tuple[str, Any]]] = {
    "user": (("pais", "MX"), ("nombre_usuario", 7)),
    "movie": (("type", "documentary"), ("titulo", "x" * 201), ("clasificacion", "+12")),
    "series": (("type", "documentary"), ("idioma", ["es"]), ("clasificacion", "+12")),
    "feedback": (("rating", 0.5), ("seconds_watched", 3_000_000_000)),
}

Sender = Callable[[int, Iterator[int]], Iterator[Record]]


class Feed(NamedTuple):
    """The endless records of one topic, and how many of them are sent per second."""

    topic: str
    rate: float
    records: Iterator[Record]


def feeds(kafka: KafkaSettings, seed: int) -> list[Feed]:
    """Users come every half a minute, titles every minute, each time with other values."""
    senders: Mapping[str, tuple[str, float, Sender]] = {
        "user": (kafka.users_topic, 2.0, lambda s, t: user_records(s, USERS, instants=t)),
        "movie": (kafka.movies_topic, 1.0, lambda s, t: movie_records(s, MOVIES, instants=t)),
        "series": (kafka.series_topic, 0.5, lambda s, t: series_records(s, SERIES, instants=t)),
        "feedback": (kafka.feedback_topic, 4.0, _feedback),
    }
    return [
        Feed(topic, rate, _mixed(_rounds(sender, seed, rate), np.random.default_rng([seed, place]), kind))
        for place, (kind, (topic, rate, sender)) in enumerate(senders.items())
    ]


def _feedback(seed: int, instants: Iterator[int]) -> Iterator[Record]:
    sizes = {"users": USERS, "movies": MOVIES, "series": SERIES}
    return feedback_records(seed, _FEEDBACK, **sizes, instants=instants)


def _rounds(sender: Sender, seed: int, rate: float) -> Iterator[Record]:
    """Event times go on from round to round, at the rate of sending."""
    instants = count_up(milliseconds(DEFAULT_START), round(1000 / rate))
    for turn in count_up():
        yield from sender(1000 * seed + turn % _ROUNDS, iter(instants))


def _mixed(records: Iterator[Record], draws: np.random.Generator, kind: str) -> Iterator[Record]:
    """The records, some of them broken, changed or late, and among them what is sent again, updated or deleted."""
    held_back: list[Record] = []
    sent: deque[Record] = deque(maxlen=_REMEMBERED)
    breaks = cycle(BREAKS[kind].values())
    for clean in records:
        now, record = clean.timestamp_ms, clean
        if draws.random() < _BROKEN:
            record = clean._replace(value=next(breaks)(json.loads(clean.value or b"")))
        elif draws.random() < _CHANGED:
            record = _with(clean, dict([one_of(draws, CHANGES[kind])]))
        if draws.random() < _HELD_BACK:
            held_back.append(record)
        else:
            yield record
        sent.append(record)
        if held_back and draws.random() < _HELD_BACK:
            yield held_back.pop(int(draws.integers(len(held_back))))._replace(timestamp_ms=now)
        if draws.random() < _REPEATED:
            yield one_of(draws, sent)
        if draws.random() < _UPDATED:
            yield _with(one_of(draws, sent), {"timestamp": isoformat(now or 0)})._replace(timestamp_ms=now)
        if draws.random() < _DELETED:
            yield Record(one_of(draws, sent).key, None, now)
        if draws.random() < _NOBODYS:
            yield Record(one_of(draws, (b"", b"\xff")), None, now)


def _with(record: Record, values: Mapping[str, Any]) -> Record:
    """The record with other values in these fields; a broken one stays as it is."""
    try:
        event = json.loads(record.value or b"")
    except ValueError:
        return record
    return record._replace(value=encode({**event, **values})) if isinstance(event, dict) else record
