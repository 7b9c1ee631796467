"""kill -9 both drivers and a producer at random moments, 20 times: nothing is lost or duplicated."""

import os
import signal
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from pyspark.sql import SparkSession

from lakehouse.settings import Settings
from tests.support.processes import Running, await_condition
from tests.support.undisturbed import expect_undisturbed, numbered_files

ROUNDS = int(os.environ.get("CRASH_ROUNDS", "20"))
SEED = int(os.environ.get("CRASH_SEED", "16"))
# One process in three is killed this many seconds after its start, which is before or during a driver's first
# batch; the others this many after the end of a first batch, which comes late on a slow machine.
EARLY, EARLY_SECONDS = 1 / 3, (5.0, 25.0)
LATER_SECONDS = (0.0, 12.0)


class Doomed:
    """A process that is killed at a random moment."""

    def __init__(self, process: Running, moments: np.random.Generator, begun: Callable[[], bool]) -> None:
        self.process = process
        self._begun = begun
        self._seconds = float(moments.uniform(*LATER_SECONDS))
        early = moments.random() < EARLY
        self._moment = time.monotonic() + float(moments.uniform(*EARLY_SECONDS)) if early else None

    def is_due(self) -> bool:
        if self._moment is None and self._begun():
            self._moment = time.monotonic() + self._seconds
        return self._moment is not None and time.monotonic() >= self._moment


def batch_ends(settings: Settings, stream: str, *, source: Running) -> Callable[[], bool]:
    """Whether a batch of the stream has ended since this call, or cannot: its source is dead."""
    commits = Path(settings.root, "checkpoints", stream, "commits")
    before = numbered_files(commits, "")
    return lambda: bool(numbered_files(commits, "") - before) or not source.alive()


def kill_when_due(doomed: list[Doomed]) -> int:
    """Kill each at its moment, and return how many were killed; none may have ended before."""
    left = list(doomed)
    while left:
        await_condition(lambda: any(one.is_due() or not one.process.alive() for one in left), "a moment comes")
        for one in [one for one in left if one.is_due() or not one.process.alive()]:
            assert one.process.alive(), one.process.said()[-2000:]
            one.process.kill()
            left.remove(one)
    return len(doomed)


def test_kills_at_random_moments(spark: SparkSession, settings: Settings, tmp_path: Path) -> None:
    """Both drivers and a producer, repeatedly, while other producers run; some entities are sent several times."""
    moments = np.random.default_rng(SEED)
    steady = [
        Running(settings, tmp_path / f"{name}.log", f"producers.{name}", "--rate", "40", "--dirty", "0.1")
        for name in ("users", "feedback")
    ]
    last_made = Path(settings.root, "bronze", "feedback", "_delta_log")
    kills = 0
    for _ in range(ROUNDS):
        bronze = Running(settings, tmp_path / "bronze.log", "bronze.ingest", "--trigger", "200ms")
        bronze_ends = batch_ends(settings, "bronze/events", source=steady[0])
        silver_ends = batch_ends(settings, "silver", source=bronze)
        # the same seed sends the same entities each round; this producer is killed too
        movies = Running(settings, tmp_path / "movies.log", "producers.movies", "--rate", "40", "--seed", "3")
        await_condition(lambda: bool(numbered_files(last_made, ".json")), "bronze's tables are there")
        silver = Running(settings, tmp_path / "silver.log", "silver.refine", "--trigger", "200ms")
        kills += kill_when_due(
            [
                Doomed(bronze, moments, bronze_ends),
                Doomed(movies, moments, lambda: True),
                Doomed(silver, moments, silver_ends),
            ]
        )
    assert kills == 3 * ROUNDS
    assert [producer.stop(signal.SIGINT) for producer in steady] == [0, 0], [one.said() for one in steady]
    expect_undisturbed(spark, settings, tmp_path)
