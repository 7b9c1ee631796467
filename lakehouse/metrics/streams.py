"""What the streams have done since this process began, from the progress log that they write."""

from collections import defaultdict
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric

from lakehouse.spark.progress import STREAMS, NewBatches

_STREAM = ["stream"]
_RATES = {
    "inputRowsPerSecond": ("lakehouse_stream_input_rows_per_second", "Rows that arrived, per second"),
    "processedRowsPerSecond": ("lakehouse_stream_processed_rows_per_second", "Rows processed, per second"),
}


class StreamMetrics:
    """Counters of all streams under this root, whichever process runs them."""

    def __init__(self, ops_dir: Path) -> None:
        self._new = NewBatches(ops_dir / "stream_progress.jsonl")
        self._batches: dict[str, int] = defaultdict(int)
        self._rows: dict[str, int] = defaultdict(int)
        self._phases: dict[tuple[str, str], float] = defaultdict(float)
        self._last: dict[str, dict[str, Any]] = {}

    def read(self) -> Iterator[Metric]:
        for batch in self._new.read():
            self._count(batch)
        rows = CounterMetricFamily("lakehouse_stream_rows", "Rows that the stream has read", labels=_STREAM)
        batches = CounterMetricFamily(
            "lakehouse_stream_batches", "Micro-batches with rows that have ended", labels=_STREAM
        )
        for name in STREAMS:
            rows.add_metric([name], self._rows[name])
            batches.add_metric([name], self._batches[name])
        yield from (rows, batches, self._phase_seconds(), self._last_times(), *self._rates())

    def _count(self, batch: dict[str, Any]) -> None:
        name = batch["stream"]
        self._batches[name] += 1
        self._rows[name] += batch["rows"]
        self._last[name] = batch
        for phase, milliseconds in batch["durations_ms"].items():
            self._phases[name, phase] += milliseconds / 1000

    def _phase_seconds(self) -> Metric:
        seconds = CounterMetricFamily(
            "lakehouse_stream_phase_seconds",
            "Time spent in a phase of micro-batches; triggerExecution is the whole batch",
            labels=["stream", "phase"],
        )
        for labels, spent in self._phases.items():
            seconds.add_metric(labels, spent)
        return seconds

    def _last_times(self) -> Metric:
        last = GaugeMetricFamily(
            "lakehouse_stream_last_batch_timestamp_seconds", "When the last micro-batch ended", labels=_STREAM
        )
        for name, batch in self._last.items():
            last.add_metric([name], datetime.fromisoformat(batch["logged_at"]).timestamp())
        return last

    def _rates(self) -> Iterator[Metric]:
        for field, (name, text) in _RATES.items():
            rate = GaugeMetricFamily(name, f"{text}, in the last micro-batch", labels=_STREAM)
            for stream, batch in self._last.items():
                if batch.get(field) is not None:
                    rate.add_metric([stream], batch[field])
            yield rate
