"""Starting, watching and stopping streaming queries."""

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path

from pyspark.errors import StreamingQueryException
from pyspark.sql import SparkSession
from pyspark.sql.streaming.query import StreamingQuery
from pyspark.sql.streaming.readwriter import DataStreamWriter

from lakehouse.errors import LakehouseError, java_causes, root_cause
from lakehouse.jvm.signals import jvm_signals_forwarded
from lakehouse.spark.progress import PROGRESS, BatchLog, ProgressLog
from lakehouse.spark.sql import setting
from lakehouse.stop_signals import StopRequests, stop_requests

_AUTO_COMPACT = "spark.databricks.delta.autoCompact.enabled"

# How often a running stream is polled, so that a signal or the end of another one is noticed.
_POLL_SECONDS = 1

_GOES_ON = "nothing is lost: it resumes from its checkpoint once the cause is fixed (--debug shows more)"
# What to do about Spark and Delta errors that do not go away by themselves, by a word in their text.
_KNOWN = {
    "failOnDataLoss": "lakehouse audit shows what Kafka no longer has; then: lakehouse rebuild bronze",
    "DIFFERENT_DELTA_TABLE_READ_BY_STREAMING_SOURCE": "lakehouse rebuild silver builds silver again from bronze",
    "DELTA_SOURCE_IGNORE_DELETE": "bronze lost rows that silver has: lakehouse rebuild silver",
    "DELTA_SOURCE_TABLE_IGNORE_CHANGES": "bronze lost rows that silver has: lakehouse rebuild silver",
    "DELTA_VERSION_NOT_CONTIGUOUS": "the table's log lacks versions: restore them, or: lakehouse rebuild silver",
    "FAILED_READ_FILE": "restore that file from a copy; nothing was read past it",
    "ModuleNotFoundError: ": "send executors what `make dist` writes, as docs/deployment.md shows",
}

# What Spark puts before the cause; the message already names the stream.
_STREAM_FAILED = re.compile(r"\[STREAM_FAILED\] Query \[.*?\] terminated with exception: ")


# Java's and Kafka's errors when a broker or a store cannot be reached, wherever they stand in the text.
_LOST = (
    *("kafka.common.errors.TimeoutException", "DisconnectException", "NetworkException"),
    *("java.net.ConnectException", "UnknownHostException", "NoRouteToHostException", "SocketTimeoutException"),
    *("SdkClientException", "AWSClientIOException"),
    # delta-rs, obstore and pyarrow, with which small batches are written and each start looks at the tables
    *("error sending request", "AWS Error NETWORK_CONNECTION"),
)


class StreamError(LakehouseError):
    """A streaming query failed; its checkpoint still records how far it got.

    `lost`: because a broker or a store could not be reached, which may pass.
    """

    def __init__(self, problem: str, *, todo: str = "", lost: bool = False) -> None:
        super().__init__(problem, todo=todo)
        self.lost = lost


def start_stream(
    writer: DataStreamWriter, name: str, *, checkpoint: str, trigger: str | None, auto_compact: bool = True
) -> StreamingQuery:
    """Start a query. It takes all available data and ends; with a `trigger` (Spark's notation) it runs forever.

    `auto_compact`: whether Delta joins the small files that it then writes.
    """
    writer = writer.queryName(name).option("checkpointLocation", checkpoint)
    if trigger is None:
        return writer.trigger(availableNow=True).start()
    with _small_files_joined() if auto_compact else nullcontext():
        return writer.trigger(processingTime=trigger).start()


@contextmanager
def _small_files_joined() -> Iterator[None]:
    """Let a stream started here compact the small files of its micro-batches, unless the settings say otherwise.

    Each batch that Spark writes adds files to its tables. Once there are 50, the writer of the last one compacts
    them in a separate commit that changes no row: 154 batches of bronze left 7 files, not 308. Not for a stream
    that only takes the available data: Delta would start by compacting the first two files that the process writes
    to a table, which takes as long as writing them.
    """
    spark = SparkSession.active()
    with setting(spark, _AUTO_COMPACT, spark.conf.get(_AUTO_COMPACT, "true") or "true"):
        yield


@contextmanager
def run_streams(
    spark: SparkSession,
    ops_dir: Path,
    *,
    trigger: str | None,
    failed_batch: Callable[[str], str],
    batch_log: BatchLog = "off",
) -> Iterator[list[StreamingQuery]]:
    """Collect started queries in the yielded list, then wait for all to end, logging every batch.

    `failed_batch` names the records of a failed query's batch, and `batch_log` how stderr gets a line per batch.

    SIGTERM and Ctrl-C abandon the running micro-batch and stop the streams cleanly; the next start resumes from
    the checkpoint. Streams without a `trigger` should have taken all available data, and whatever depends on that
    must not run: in that case KeyboardInterrupt is raised. The first query that fails stops the others and raises
    StreamError.
    """
    log = ProgressLog(ops_dir / PROGRESS, batch_log)
    streams: list[StreamingQuery] = []
    with log.listening(spark):
        try:
            yield streams
            with stop_requests(counted=None) as stop, jvm_signals_forwarded(spark, received=stop.received):
                unfinished = _await_all(streams, stop, failed_batch)
            if unfinished and trigger is None:
                raise KeyboardInterrupt
        finally:
            for stream in streams:
                stream.stop()
            log.await_ended(len(streams))


def _await_all(
    streams: list[StreamingQuery], stop: StopRequests, failed_batch: Callable[[str], str]
) -> list[StreamingQuery]:
    """Wait for all; the streams that are still running when the process is asked to stop."""
    running = list(streams)
    while running and not stop.received():
        for stream in list(running):
            try:
                if stream.awaitTermination(_POLL_SECONDS):
                    running.remove(stream)
            except StreamingQueryException as error:
                raise stream_error(stream.name, error, batch=failed_batch(stream.name)) from error
    return running


def stream_error(name: str, error: BaseException, *, batch: str = "") -> StreamError:
    """A one-line error for a failed query: its innermost cause, after Spark's error condition for it.

    `batch` says which records the query was processing.
    """
    text = str(error)
    message = root_cause(error).message
    condition = _condition(text)
    cause = message if not condition or condition in message else f"{condition} ({message})"
    todo = next((todo for sign, todo in _KNOWN.items() if sign in text or sign in message), _GOES_ON)
    where = f", in {batch}" if batch else ""
    return StreamError(f"stream {name} stopped: {cause}{where}", todo=todo, lost=is_lost(error))


def is_lost(error: BaseException) -> bool:
    """Whether a broker or a store could not be reached, which may pass."""
    return any(sign in part for part in (str(error), *java_causes(error)) for sign in _LOST)


def _condition(text: str) -> str:
    """Spark's own line about the cause, which begins with an error condition; "" if Python code failed."""
    before_plan = text.split("=== Streaming Query ===")[0]
    if "Traceback (most recent call last):" in before_plan:
        return ""
    lines = [_STREAM_FAILED.sub("", line.strip()) for line in before_plan.splitlines()]
    return next((line for line in lines if line.startswith("[")), "")
