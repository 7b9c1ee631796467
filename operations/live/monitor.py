"""Watching the live mode without a Spark job, and showing it."""

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

from rich.console import Console
from rich.live import Live as LivePicture

from lakehouse.errors import BrokerError
from lakehouse.history.backlog import KafkaBacklog, SilverBacklog, kafka_backlog, silver_backlog
from lakehouse.history.snapshots import read_snapshot
from lakehouse.kafka.bronze_sources import BronzeSource, bronze_sources
from lakehouse.kafka.client import Cluster
from lakehouse.kafka.meter import KafkaMeter, kafka_meter
from lakehouse.lakehouse import Lakehouse
from lakehouse.settings import KafkaSettings
from lakehouse.spark.progress import PROGRESS
from lakehouse.tables import SILVER_QUARANTINE
from operations.live.producers import LiveProducers
from operations.live.streams import LiveGold
from operations.live.view import LiveFigures, ProgressTail, StreamFacts, line, picture, together

# A look costs a few requests to Kafka and some small files.
_LOOK_EVERY_SECONDS = 2.0
# Any narrower, and the picture would cut names and numbers.
_PICTURE_WIDTH = 72
_LINE_EVERY_SECONDS = 10.0


class _Look(NamedTuple):
    streams: Mapping[str, StreamFacts]
    kafka: KafkaBacklog
    silver: SilverBacklog
    rejected: int
    sent_rate: float


class Monitor:
    """Keeps the terminal's picture up to date. Without a wide terminal, it prints a line every ten seconds."""

    def __init__(
        self,
        lake: Lakehouse,
        sources: Sequence[BronzeSource],
        tail: ProgressTail,
        meter: KafkaMeter,
        console: Console,
        live: LivePicture | None,
    ) -> None:
        self._lake, self._sources, self._tail = lake, sources, tail
        self._meter, self._console, self._picture = meter, console, live
        self._rejected_before = self._quarantined()
        self._began = time.monotonic()
        self._looked_at = self._shown_at = float("-inf")
        self._sent_at_look = 0
        self._title = ""
        self._look: _Look | None = None

    @staticmethod
    @contextmanager
    def opened(
        kafka: KafkaSettings, cluster: Cluster, console: Console, *, root: str, ops_dir: Path
    ) -> Iterator["Monitor"]:
        timeout, tail = kafka.connect_timeout_seconds, ProgressTail(ops_dir / PROGRESS)
        is_wide = console.is_terminal and console.width >= _PICTURE_WIDTH
        shown = LivePicture(console=console, auto_refresh=False) if is_wide else nullcontext()
        with kafka_meter(cluster, timeout_seconds=timeout) as meter, shown as live:
            yield Monitor(Lakehouse(root), bronze_sources(kafka), tail, meter, console, live)

    def show(self, producers: LiveProducers, gold: LiveGold, title: str) -> None:
        now = time.monotonic()
        if now - self._looked_at >= _LOOK_EVERY_SECONDS:
            self._look = self._take_look(sum(producers.sent.values()), now)
            self._looked_at = now
        if self._picture is not None:
            self._picture.update(picture(self._facts(producers, gold, title)), refresh=True)
        elif title != self._title or now - self._shown_at >= _LINE_EVERY_SECONDS:
            if title != self._title:
                self.tell(title)
            self.tell(line(self._facts(producers, gold, title)))
            self._shown_at, self._title = now, title

    def tell(self, text: str) -> None:
        self._console.print(text, markup=False, highlight=False, soft_wrap=True)

    def tell_end(self, producers: LiveProducers, gold: LiveGold) -> None:
        """Show the last picture, and what still waits: nothing, after a clean shutdown."""
        self._looked_at = self._shown_at = float("-inf")
        self.show(producers, gold, "stopped")

    def _facts(self, producers: LiveProducers, gold: LiveGold, title: str) -> LiveFigures:
        assert self._look is not None  # noqa: S101 - `show` has looked
        seconds = time.monotonic() - self._began
        look = self._look
        return LiveFigures(
            title=f"{title} ({seconds:,.0f} s)",
            seconds=seconds,
            sent=dict(producers.sent),
            sent_rate=look.sent_rate,
            streams=look.streams,
            kafka=look.kafka,
            silver=look.silver,
            rejected=look.rejected,
            gold=gold.state(time.monotonic()),
        )

    def _take_look(self, sent: int, now: float) -> _Look:
        moment = datetime.now(UTC)
        since = min(now - self._looked_at, now - self._began)
        rate = (sent - self._sent_at_look) / since if since > 0 else 0.0
        self._sent_at_look = sent
        return _Look(
            streams=self._tail.read(now=moment, seconds=now - self._began),
            kafka=self._kafka(moment),
            silver=silver_backlog(self._lake, now=moment),
            rejected=self._quarantined() - self._rejected_before,
            sent_rate=rate,
        )

    def _kafka(self, now: datetime) -> KafkaBacklog:
        try:
            return together(
                kafka_backlog(self._lake, table, topics, self._meter, now=now) for table, topics in self._sources
            )
        except BrokerError as error:  # whatever reads and writes there reports whether that ends the live mode
            return KafkaBacklog(None, None, error.problem)

    def _quarantined(self) -> int:
        table = SILVER_QUARANTINE
        return (read_snapshot(self._lake, table).rows or 0) if self._lake.exists(table) else 0
