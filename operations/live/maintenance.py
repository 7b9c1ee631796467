"""Maintenance of the tables at intervals, while the streams run."""

import threading
from collections.abc import Callable
from datetime import UTC, datetime

from pyspark.sql import SparkSession

from lakehouse.lakehouse import Lakehouse
from lakehouse.locks import RunningError
from lakehouse.runs.store import last_success
from lakehouse.settings import Settings
from maintenance import maintain
from operations.live.workers import BackgroundWork
from operations.output import in_units

# Until then the streams start and catch up.
_FIRST_SECONDS = 600.0


class LiveMaintenance:
    """Runs maintenance one interval after its last run, whoever started that run."""

    def __init__(self, spark: SparkSession, settings: Settings, *, tell: Callable[[str], None]) -> None:
        self._session, self._settings, self._tell = spark.newSession(), settings, tell
        self._stopping = threading.Event()
        self.worker = BackgroundWork("maintenance", self._run_on)

    def stop(self, *, wait_seconds: float | None = None) -> None:
        """Start no further run. One that is cut off leaves files that the next one deletes."""
        self._stopping.set()
        self.worker.join(wait_seconds)

    def _run_on(self) -> None:
        every = self._settings.up.maintain_every_hours * 3600
        due = due_seconds(Lakehouse(self._settings.root), every, now=datetime.now(UTC))
        wait = max(min(every, _FIRST_SECONDS), due)
        while not self._stopping.wait(wait):
            wait = every
            try:
                done = maintain.run(self._settings, (), session=lambda: self._session, now=datetime.now(UTC))
            except RunningError:  # somebody's own run is at work
                continue
            self._tell(f"maintenance freed {in_units(done.size)}")


def due_seconds(lake: Lakehouse, every: float, *, now: datetime) -> float:
    """How long until the next run is due, if one runs every so many seconds; negative if it is overdue."""
    last = last_success(lake, maintain.JOB)
    return 0.0 if last is None else every - (now - last).total_seconds()
