"""Both streams and gold at once in one Spark process, each in its own session and thread."""

import threading
import time
from collections.abc import Callable
from functools import partial

from pyspark.errors import StreamingQueryException
from pyspark.sql import SparkSession

from bronze.ingest import ingest
from lakehouse.history.snapshots import read_snapshot
from lakehouse.kafka.bronze_sources import bronze_sources
from lakehouse.kafka.client import Cluster
from lakehouse.lakehouse import Lakehouse
from lakehouse.runs.recording import recorded
from lakehouse.runs.run import Work
from lakehouse.settings import Settings
from lakehouse.spark.lakehouse import SparkLakehouse
from lakehouse.spark.streams import stream_error
from lakehouse.tables import SILVER_BATCHES, SILVER_CONTENT, SILVER_FEEDBACK, SILVER_USERS, layer_tables
from operations.live.workers import BackgroundWork
from operations.pipeline.steps import STEPS, run_step
from silver.refine import refine

_POLL_SECONDS = 0.2


class LiveStreams:
    """Stream 1, and stream 2 once bronze exists. Each in its own session, to hear only of its own batches."""

    def __init__(self, spark: SparkSession, settings: Settings, cluster: Cluster, *, trigger: str) -> None:
        self._sessions = {"bronze": spark.newSession(), "silver": spark.newSession()}
        self._stopping = threading.Event()
        self._root = settings.root
        # one per bronze table that has topics; stream 2 is one query
        self._queries = {"bronze": sum(bool(one.topics) for one in bronze_sources(settings.kafka)), "silver": 1}

        def refine_bronze() -> None:
            if self._bronze_is_there():
                refine(self._sessions["silver"], settings, trigger=trigger)

        self.workers = [
            BackgroundWork("bronze", lambda: ingest(self._sessions["bronze"], settings, cluster, trigger=trigger)),
            BackgroundWork("silver", refine_bronze),
        ]

    def drain(self) -> None:
        """Wait until everything in Kafka is in silver. Returns early if the streams are stopped.

        Raises StreamError if one of them fails.
        """
        for name, worker in zip(self._sessions, self.workers, strict=True):
            session = self._sessions[name]
            # a stop right after the start may find streams that are still starting
            _await(partial(self._has_begun, name, worker), self._stopping)
            for query in session.streams.active:
                try:
                    query.processAllAvailable()
                except StreamingQueryException as error:
                    raise stream_error(query.name, error) from error

    def stop(self, *, wait_seconds: float | None = None) -> None:
        """Stop the streams, bronze first; a running micro-batch is cut off and repeated on the next start."""
        self._stopping.set()
        for session, worker in zip(self._sessions.values(), self.workers, strict=True):
            for query in session.streams.active:
                query.stop()
            worker.join(wait_seconds)

    def _has_begun(self, name: str, worker: BackgroundWork) -> bool:
        return worker.ended() or len(self._sessions[name].streams.active) >= self._queries[name]

    def _bronze_is_there(self) -> bool:
        """Wait for the tables as Spark sees them, which may be a moment after the log has them."""
        spark, tables = self._sessions["silver"], layer_tables("bronze")
        return _await(lambda: all(SparkLakehouse(self._root, spark).exists(one) for one in tables), self._stopping)


class LiveGold:
    """Gold, rebuilt at intervals: first when silver has written a batch and has users, titles and feedback.

    Any earlier, it would hold up the streams, which have to start and catch up.
    """

    def __init__(self, spark: SparkSession, settings: Settings, cluster: Cluster, *, every_seconds: float) -> None:
        self.runs = 0
        self.began: float | None = None
        self.ended: float | None = None
        self.step = ""
        self.every_seconds = every_seconds
        self._session, self._settings, self._cluster = spark.newSession(), settings, cluster
        self._batches_before = _batches(settings.root)
        self._no_more_runs, self._no_more_steps = threading.Event(), threading.Event()
        self.worker = BackgroundWork("gold", self._run_on)

    def finish(self) -> None:
        """Start no further run; one that is running completes."""
        self._no_more_runs.set()

    def stop(self, *, wait_seconds: float | None = None) -> None:
        """Start no further step of the run either."""
        self._no_more_runs.set()
        self._no_more_steps.set()
        self.worker.join(wait_seconds)

    def state(self, now: float) -> str:
        """Gold's state in a few words; `now` is a time.monotonic() value."""
        if self.step and self.began is not None:
            return f"run {self.runs + 1} for {now - self.began:.0f} s: {self.step.removeprefix('gold: ')}"
        if self.began is None or self.ended is None:
            return "waiting for silver"
        due = max(0.0, self.began + self.every_seconds - now)
        then = "" if self._no_more_runs.is_set() else f", next in {due:.0f} s"
        return f"run {self.runs} ended {now - self.ended:.0f} s ago and took {self.ended - self.began:.0f} s{then}"

    def _run_on(self) -> None:
        if not _await(self._silver_is_ready, self._no_more_runs):
            return
        while not self._no_more_runs.is_set():
            self.began = time.monotonic()
            if self._run_recorded():
                self.runs += 1
                self.ended = time.monotonic()
            self._no_more_runs.wait(max(0.0, self.began + self.every_seconds - time.monotonic()))

    def _silver_is_ready(self) -> bool:
        root = self._settings.root
        return _batches(root) > self._batches_before and _have_rows(root)

    def _run_recorded(self) -> bool:
        """Whether all steps ran. The run is recorded in ops.runs, in one commit with its steps."""
        settings, ran = self._settings, []

        def work() -> int:
            ran.append(self._run_once())
            return 0

        what = Work("up", "gold of lakehouse up")
        recorded(work, what, root=settings.root, openlineage=settings.openlineage)
        return ran[0]

    def _run_once(self) -> bool:
        """Whether all steps ran."""
        try:
            for step in STEPS:
                if step.layer == "gold":
                    if self._no_more_steps.is_set():
                        return False
                    self.step = step.name
                    run_step(step, self._session, self._settings, self._cluster)
        finally:
            self.step = ""
        return True


def _await(condition: Callable[[], bool], stopping: threading.Event) -> bool:
    """Whether the condition came true before the stop."""
    while not condition():
        if stopping.wait(_POLL_SECONDS):
            return False
    return True


def _batches(root: str) -> int:
    """How many batches silver has written."""
    lake = Lakehouse(root)
    return (read_snapshot(lake, SILVER_BATCHES).rows or 0) if lake.exists(SILVER_BATCHES) else 0


def _have_rows(root: str) -> bool:
    lake, tables = Lakehouse(root), (SILVER_USERS, SILVER_CONTENT, SILVER_FEEDBACK)
    return all(lake.exists(table) and read_snapshot(lake, table).rows for table in tables)
