"""Event times: evenly over a span for repeatable runs, or the current time."""

import time
from collections.abc import Iterator
from datetime import UTC, datetime
from itertools import count as count_up

from producers.sending.records import milliseconds

# Seeded runs start here unless --start is given. Fixed, so that the seed alone gives the same bytes, and far
# enough back that the whole span is over: brokers refuse timestamps more than an hour ahead of their own clock.
DEFAULT_START = datetime(2025, 1, 1, tzinfo=UTC)

DAY_MS = 24 * 60 * 60 * 1000
CATALOGUE_SPAN_MS = DAY_MS
FEEDBACK_SPAN_MS = 180 * DAY_MS

# Endless seeded runs have no span to divide. With steps this small, weeks of sending pass before event times
# overtake the clock.
_ENDLESS_STEP_MS = 10


def evenly(start: datetime, *, span_ms: int, count: int | None) -> Iterator[int]:
    """Event times in milliseconds: `count` of them over the span, or endlessly in steps of 10 ms."""
    first = milliseconds(start)
    if count is None:
        yield from count_up(first, _ENDLESS_STEP_MS)
    else:
        yield from (first + index * span_ms // count for index in range(count))


def catalogue_instants(start: datetime, count: int | None) -> Iterator[int]:
    """Event times of users, movies and series: all within the first day."""
    return evenly(start, span_ms=CATALOGUE_SPAN_MS, count=count)


def feedback_instants(start: datetime, count: int | None) -> Iterator[int]:
    """Event times of feedback: the 180 days after the day of the users and titles."""
    later = datetime.fromtimestamp((milliseconds(start) + CATALOGUE_SPAN_MS) / 1000, UTC)
    return evenly(later, span_ms=FEEDBACK_SPAN_MS, count=count)


def wall_clock() -> Iterator[int]:
    """The current time at each event; only for runs that need not be repeatable."""
    while True:
        yield time.time_ns() // 1_000_000
