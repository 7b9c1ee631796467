"""Starting, watching and stopping streaming queries; the checkpoint's own records of a stream."""

import json
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

from pyspark.errors import StreamingQueryException
from pyspark.sql import SparkSession
from pyspark.sql.streaming.query import StreamingQuery
from pyspark.sql.streaming.readwriter import DataStreamWriter

from lakehouse.errors import LakehouseError, first_line
from lakehouse.files import read_text
from lakehouse.progress import ProgressLog

# How often a stream that keeps running is looked at, so that a signal or the end of another one is noticed.
_POLL_SECONDS = 1


class StreamError(LakehouseError):
    """A streaming query ended because of an error; its checkpoint still says how far it came."""


def start_stream(writer: DataStreamWriter, *, name: str, checkpoint: str, trigger: str | None) -> StreamingQuery:
    """Start a query: all that is there, then end; with a `trigger` (Spark's interval notation) for ever."""
    writer = writer.queryName(name).option("checkpointLocation", checkpoint)
    writer = writer.trigger(processingTime=trigger) if trigger else writer.trigger(availableNow=True)
    return writer.start()


@contextmanager
def run_streams(spark: SparkSession, ops_dir: Path) -> Iterator[list[StreamingQuery]]:
    """Collect started queries in the yielded list, then wait for all to end, logging every batch.

    SIGTERM and Ctrl-C let the running micro-batch go and end the streams in order; the checkpoint makes the
    next start go on from there. The first query that fails stops the others and raises StreamError.
    """
    log = ProgressLog(ops_dir / "stream_progress.jsonl")
    spark.streams.addListener(log)
    streams: list[StreamingQuery] = []
    try:
        yield streams
        with _stopped_by_signals() as stop_asked:
            _await_all(streams, stop_asked)
    finally:
        for stream in streams:
            stream.stop()
        log.await_ended(len(streams))
        spark.streams.removeListener(log)


def _await_all(streams: list[StreamingQuery], stop_asked: list[int]) -> None:
    running = list(streams)
    while running and not stop_asked:
        for stream in list(running):
            try:
                if stream.awaitTermination(_POLL_SECONDS):
                    running.remove(stream)
            except StreamingQueryException as error:
                raise stream_error(stream.name, error) from error


@contextmanager
def _stopped_by_signals() -> Iterator[list[int]]:
    """A list that a SIGTERM or SIGINT puts its number into, in place of ending the process at once."""
    received: list[int] = []

    def note(number: int, _frame: FrameType | None) -> None:
        received.append(number)

    try:
        before = {number: signal.signal(number, note) for number in (signal.SIGTERM, signal.SIGINT)}
    except ValueError:  # not the main thread: whoever started this one looks after signals
        yield received
        return
    try:
        yield received
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def stream_error(name: str, error: BaseException) -> StreamError:
    """One line for the failure of a query: its cause as Spark tells it, without the frames around it."""
    return StreamError(
        f"stream {name} stopped: {_cause(str(error)) or first_line(error)}",
        todo="nothing is lost: it goes on from its checkpoint when the cause is gone (--debug shows more)",
    )


def _cause(text: str) -> str:
    """Of a failed batch, what its Python code raised: the last line of the traceback that Spark quotes."""
    lines = [line.rstrip() for line in text.split("=== Streaming Query ===")[0].splitlines()]
    starts = [index for index, line in enumerate(lines) if "Traceback (most recent call last):" in line]
    if starts:
        raised = [line for line in lines[starts[-1] + 1 :] if line and not line[0].isspace()]
        return next((line for line in raised if not line.startswith(("at ", "Caused by"))), "")
    return next((line.strip() for line in lines if line.strip().startswith("[")), "")


def query_id(spark: SparkSession, checkpoint: str) -> str:
    """The id that a stream keeps for as long as its checkpoint lives."""
    return str(json.loads(read_text(spark, f"{checkpoint}/metadata"))["id"])


def source_versions(spark: SparkSession, checkpoint: str, batch_id: int, names: list[str]) -> dict[str, int]:
    """The version of each Delta source (in the order of the query) up to which the batch reads."""
    lines = read_text(spark, f"{checkpoint}/offsets/{batch_id}").splitlines()
    offsets = [json.loads(line) if line != "-" else None for line in lines[2:]]  # after log version and metadata
    return {
        # the index -1 stands before the first file of its version: none of that version is in the batch
        name: int(offset["reservoirVersion"]) - (1 if int(offset["index"]) < 0 else 0)
        for name, offset in zip(names, offsets, strict=True)
        if offset is not None
    }
