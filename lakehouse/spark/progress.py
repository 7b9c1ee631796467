"""What every micro-batch of the streams did, as JSON lines in <ops>/stream_progress.jsonl.

`lakehouse maintain` renames the file once its first line is too old.
"""

import json
import os
import sys
import threading
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, BinaryIO, Literal

from py4j.java_gateway import JavaObject
from pyspark.java_gateway import ensure_callback_server_started
from pyspark.sql import SparkSession

# Whether stderr gets a line per batch, and as what.
BatchLog = Literal["off", "text", "json"]
STREAMS = ("bronze.events", "bronze.feedback", "silver")
PROGRESS, OLD_PROGRESS = "stream_progress.jsonl", "stream_progress.old.jsonl"
# Spark notifies listeners soon after a query's end; a summary printed before that would miss its last batch.
_END_TIMEOUT_SECONDS = 10
_ALWAYS = {"logged_at", "stream", "rows", "durations_ms", "kafka_lag"}


class ProgressLog:
    """Appends one line per micro-batch that had rows: rates in rows/s, phases in ms, Kafka lag in records.

    It takes each report of Spark as one JSON text. pyspark's own listener fetches it value by value, in hundreds
    of calls between the two processes: 0.15 s of the JVM's processor time for each batch.
    """

    def __init__(self, file: Path, batch_log: BatchLog = "off") -> None:
        self.file = file
        self._batch_log = batch_log
        file.parent.mkdir(parents=True, exist_ok=True)
        self._ended = 0
        self._changed = threading.Condition()

    @contextmanager
    def listening(self, spark: SparkSession) -> Iterator[None]:
        """Inside the block, record the batches of the session's queries."""
        context = spark.sparkContext
        assert context._jvm is not None  # noqa: S101 - a classic session has its JVM
        ensure_callback_server_started(context._gateway)  # type: ignore[no-untyped-call]
        queries = spark._jsparkSession.streams()
        reports = context._jvm.org.apache.spark.sql.streaming.PythonStreamingQueryListenerWrapper(_Reports(self))
        queries.addListener(reports)
        try:
            yield
        finally:
            queries.removeListener(reports)

    def record(self, progress: Mapping[str, Any]) -> None:
        """Add the line of a batch from Spark's report of it."""
        if progress["numInputRows"]:
            batch = progress_line(progress)
            line = json.dumps(batch, ensure_ascii=False).encode()
            if self._batch_log != "off":
                sys.stderr.write(f"{batch_line(batch) if self._batch_log == 'text' else line.decode()}\n")
                sys.stderr.flush()
            with self.file.open("a+b") as lines:
                # a full disk leaves half a line, which must not corrupt this one
                lines.write(b"\n" * _is_cut_off(lines) + line + b"\n")

    def ended(self) -> None:
        """Count the end of a query."""
        with self._changed:
            self._ended += 1
            self._changed.notify_all()

    def await_ended(self, queries: int) -> None:
        """Wait until Spark has reported the end of that many queries, and so all their batches."""
        with self._changed:
            self._changed.wait_for(lambda: self._ended >= queries, timeout=_END_TIMEOUT_SECONDS)


class _Reports:
    """Spark's interface of a listener in Python."""

    def __init__(self, log: ProgressLog) -> None:
        self._log = log

    def onQueryStarted(self, event: JavaObject) -> None:  # noqa: N802 - Spark's name
        pass

    def onQueryProgress(self, event: JavaObject) -> None:  # noqa: N802 - Spark's name
        self._log.record(json.loads(event.progress().json()))

    def onQueryIdle(self, event: JavaObject) -> None:  # noqa: N802 - Spark's name
        pass

    def onQueryTerminated(self, event: JavaObject) -> None:  # noqa: N802, ARG002 - Spark's signature
        self._log.ended()

    class Java:
        implements = ("org.apache.spark.sql.streaming.PythonStreamingQueryListener",)


def batch_line(batch: Mapping[str, Any]) -> str:
    """The batch in one line for people."""
    seconds = batch["durations_ms"].get("triggerExecution", 0) / 1000
    lag = "" if batch["kafka_lag"] is None else f", {batch['kafka_lag']:,} records left in Kafka"
    what = f"{batch['logged_at']} {batch['stream']} batch {batch['batch_id']}"
    return f"{what}: {batch['rows']:,} rows in {seconds:.1f} s{lag}"


def read_line(line: str | bytes) -> dict[str, Any] | None:
    """The batch that a line of the log records; None if the line is incomplete."""
    try:
        parsed = json.loads(line)
    except ValueError:
        return None
    return parsed if isinstance(parsed, dict) and parsed.keys() >= _ALWAYS else None


class NewBatches:
    """The batches that the streams have logged since this was created."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._read_to = file.stat().st_size if file.exists() else 0

    def read(self) -> list[dict[str, Any]]:
        """Those that were not read before."""
        if not self._file.exists():
            return []
        if self._file.stat().st_size < self._read_to:  # maintenance has renamed it, and a stream began another
            self._read_to = 0
        with self._file.open("rb") as file:
            file.seek(self._read_to)
            text = file.read()
        # a line that is still being written is read next time
        whole = text[: text.rfind(b"\n") + 1]
        self._read_to += len(whole)
        return [batch for batch in map(read_line, whole.splitlines()) if batch]


def _is_cut_off(log: BinaryIO) -> bool:
    """Whether the log's last line is incomplete."""
    end = log.seek(0, os.SEEK_END)
    log.seek(max(end - 1, 0))
    return log.read(1) not in (b"\n", b"")


def progress_line(progress: Mapping[str, Any]) -> dict[str, Any]:
    """One batch as a flat record. `kafka_lag` is null if the source is not a Kafka topic.

    Spark leaves out a rate that is not finite, as that of a first batch, which has no time before it.
    """
    return {
        "logged_at": datetime.now(UTC).isoformat(timespec="milliseconds"),
        "stream": progress["name"],
        "query_id": progress["id"],
        "batch_id": progress["batchId"],
        "started_at": progress["timestamp"],
        "rows": progress["numInputRows"],
        "inputRowsPerSecond": _rounded(progress.get("inputRowsPerSecond")),
        "processedRowsPerSecond": _rounded(progress.get("processedRowsPerSecond")),
        "durations_ms": progress["durationMs"],
        "kafka_lag": _kafka_lag(progress["sources"]),
    }


def _rounded(rate: float | None) -> float | None:
    return None if rate is None else round(rate, 1)


def _kafka_lag(sources: Iterable[Mapping[str, Any]]) -> int | None:
    """Records that Kafka had but the batch had not read when it ended, over all topics and partitions."""
    lags = [
        _offset_sum(source["latestOffset"]) - _offset_sum(source["endOffset"])
        for source in sources
        if source["description"].startswith("KafkaV2") and _are_known(source, "latestOffset", "endOffset")
    ]
    return sum(lags) if lags else None


def _are_known(source: Mapping[str, Any], *offsets: str) -> bool:
    """Whether the offsets are known: Spark writes an unknown one as a null or not at all."""
    return all(isinstance(source.get(name), dict) for name in offsets)


def _offset_sum(offsets: Mapping[str, Mapping[str, int]]) -> int:
    return sum(sum(partitions.values()) for partitions in offsets.values())
