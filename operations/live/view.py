"""The live mode's display: one picture on a terminal, one line elsewhere, from the same facts."""

from collections import defaultdict, deque
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from pathlib import Path
from typing import NamedTuple

from rich import box
from rich.console import Group
from rich.table import Table
from rich.text import Text

from lakehouse.history.backlog import KafkaBacklog, SilverBacklog
from lakehouse.spark.progress import STREAMS, NewBatches

# Rates cover this much time up to now.
WINDOW = timedelta(seconds=30)


class StreamFacts(NamedTuple):
    """One stream since the start: `rate` is in rows per second, `last_seconds` how long its last batch took."""

    batches: int = 0
    rows: int = 0
    rate: float = 0.0
    last_seconds: float | None = None


class LiveFigures(NamedTuple):
    """The live mode at one moment. `rejected` are the rows quarantined since the start.

    `sent` is empty if others send.
    """

    title: str
    seconds: float
    sent: Mapping[str, int]
    sent_rate: float
    streams: Mapping[str, StreamFacts]
    kafka: KafkaBacklog
    silver: SilverBacklog
    rejected: int
    gold: str


class ProgressTail:
    """The batches that the streams have logged since this was created."""

    def __init__(self, file: Path) -> None:
        self._new = NewBatches(file)
        self._batches: dict[str, int] = defaultdict(int)
        self._rows: dict[str, int] = defaultdict(int)
        self._recent: dict[str, deque[tuple[datetime, int]]] = defaultdict(deque)
        self._last: dict[str, float] = {}

    def read(self, *, now: datetime, seconds: float) -> dict[str, StreamFacts]:
        """Each stream up to `now`, `seconds` after the start."""
        for batch in self._new.read():
            name, rows = batch["stream"], batch["rows"]
            self._batches[name] += 1
            self._rows[name] += rows
            self._recent[name].append((datetime.fromisoformat(batch["logged_at"]), rows))
            self._last[name] = batch["durations_ms"].get("triggerExecution", 0) / 1000
        return {name: self._facts(name, now, seconds) for name in STREAMS}

    def _facts(self, name: str, now: datetime, seconds: float) -> StreamFacts:
        recent = self._recent[name]
        while recent and recent[0][0] < now - WINDOW:
            recent.popleft()
        span = min(max(seconds, 1.0), WINDOW.total_seconds())
        rate = sum(rows for _, rows in recent) / span
        return StreamFacts(self._batches[name], self._rows[name], rate, self._last.get(name))


def together(backlogs: Iterable[KafkaBacklog]) -> KafkaBacklog:
    """What waits in Kafka for bronze as a whole."""
    listed = list(backlogs)
    unknown = next((one.unknown for one in listed if one.unknown), "")
    if unknown:
        return KafkaBacklog(None, None, unknown)
    seconds = [one.seconds for one in listed if one.seconds is not None]
    return KafkaBacklog(sum(one.records or 0 for one in listed), max(seconds, default=None))


def picture(facts: LiveFigures) -> Group:
    streams = Table(box=box.SIMPLE_HEAD)
    for name in ("stream", "rows", "rows/s", "batches", "last batch"):
        streams.add_column(name, justify="left" if name == "stream" else "right")
    for name, stream in facts.streams.items():
        took = "" if stream.last_seconds is None else f"{stream.last_seconds:.1f} s"
        streams.add_row(name, f"{stream.rows:,}", f"{stream.rate:,.1f}", f"{stream.batches:,}", took)
    sent = ", ".join(f"{name} {count:,}" for name, count in facts.sent.items())
    figures = {
        "sent": f"{sent} ({facts.sent_rate:,.1f}/s)" if facts.sent else "by others",
        "delay": delay(facts.kafka, facts.silver),
        "rejected": f"{facts.rejected:,} rows",
        "gold": facts.gold,
    }
    lines = [Text(f"  {name:10}{text}") for name, text in figures.items()]
    return Group(Text(f"  {facts.title}", style="bold"), streams, *lines)


def line(facts: LiveFigures) -> str:
    bronze = [facts.streams[name] for name in STREAMS[:2]]
    silver = facts.streams[STREAMS[2]]
    sent = [f"sent {sum(facts.sent.values()):,} ({facts.sent_rate:,.1f}/s)"] if facts.sent else []
    last = "" if silver.last_seconds is None else f", last batch {silver.last_seconds:.1f} s"
    parts = (
        *sent,
        f"bronze {sum(one.rows for one in bronze):,} ({sum(one.rate for one in bronze):,.1f}/s)",
        f"silver {silver.rows:,} ({silver.rate:,.1f}/s{last})",
        f"delay {delay(facts.kafka, facts.silver)}",
        f"rejected {facts.rejected:,}",
        f"gold {facts.gold}",
    )
    return f"{facts.seconds:6.0f} s  {'; '.join(parts)}"


def delay(kafka: KafkaBacklog, silver: SilverBacklog) -> str:
    """How long the oldest record has waited for bronze, and the oldest row for silver."""
    first = kafka.unknown or f"{_s(kafka.seconds)} ({kafka.records:,} records in Kafka)"
    second = silver.unknown or f"{_s(silver.seconds)} ({silver.rows:,} rows of bronze)"
    return f"{first} + {second}"


def _s(seconds: float | None) -> str:
    return "?" if seconds is None else f"{seconds:.1f} s"
