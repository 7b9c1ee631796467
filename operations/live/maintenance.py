"""Maintenance of the tables beside the running streams, at intervals."""

import threading
from collections.abc import Callable
from datetime import UTC, datetime

from pyspark.sql import SparkSession

from lakehouse.locks import RunningError
from lakehouse.settings import Settings
from maintenance import maintain
from operations.commands.status import in_units
from operations.live.workers import BackgroundWork


class LiveMaintenance:
    """Does what `lakehouse maintain` does, first after one interval: until then the streams start and catch up."""

    def __init__(self, spark: SparkSession, settings: Settings, *, tell: Callable[[str], None]) -> None:
        self._session, self._settings, self._tell = spark.newSession(), settings, tell
        self._stopping = threading.Event()
        self.worker = BackgroundWork("maintenance", self._run_on)

    def stop(self, *, wait_seconds: float | None = None) -> None:
        """Start no further run. One that is cut off leaves files that the next one deletes."""
        self._stopping.set()
        self.worker.join(wait_seconds)

    def _run_on(self) -> None:
        while not self._stopping.wait(self._settings.up.maintain_every_hours * 3600):
            try:
                done = maintain.run(self._settings, (), session=lambda: self._session, now=datetime.now(UTC))
            except RunningError:  # somebody's own run is at work
                continue
            self._tell(f"maintenance freed {in_units(done.size)}")
