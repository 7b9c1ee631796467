"""kill -9 of both drivers and a producer at random moments: nothing is lost, and nothing is there twice.

`make test-crash` kills 20 times per stream; the test suite 4 times, with a seed of its own.
"""

import os
import signal
import time
from pathlib import Path

import numpy as np
from pyspark.sql import SparkSession

from lakehouse.settings import Settings
from tests.e2e.processes import Running, await_condition
from tests.e2e.undisturbed import expect_undisturbed

ROUNDS = int(os.environ.get("CRASH_ROUNDS", "4"))
SEED = int(os.environ.get("CRASH_SEED", "7"))
# From the start of a driver to its kill: from before its first batch to some batches later.
KILL_SECONDS = (6.0, 22.0)


def test_kills_at_random_moments(spark: SparkSession, settings: Settings, tmp_path: Path) -> None:
    """Both drivers and a producer, again and again, while producers go on; some entities come several times."""
    moments = np.random.default_rng(SEED)
    steady = [
        Running(settings, tmp_path / f"{name}.log", f"producers.{name}", "--rate", "40", "--dirty", "0.1")
        for name in ("users", "feedback")
    ]
    kills = 0
    for _ in range(ROUNDS):
        # the same seed sends the same entities each round; this producer is killed too
        drivers = [
            Running(settings, tmp_path / "bronze.log", "bronze.ingest", "--trigger", "200ms"),
            Running(settings, tmp_path / "movies.log", "producers.movies", "--rate", "40", "--seed", "3"),
        ]
        await_condition(lambda: Path(settings.root, "bronze", "feedback", "_delta_log").exists(), "bronze begins")
        drivers.append(Running(settings, tmp_path / "silver.log", "silver.refine", "--trigger", "200ms"))
        ends = sorted((time.monotonic() + moments.uniform(*KILL_SECONDS), index) for index in range(len(drivers)))
        for moment, index in ends:
            await_condition(lambda moment=moment: time.monotonic() >= moment, "the moment comes")  # type: ignore[misc]
            assert drivers[index].alive(), drivers[index].said()[-2000:]
            drivers[index].kill()
            kills += 1
    assert kills == 3 * ROUNDS
    assert [producer.stop(signal.SIGINT) for producer in steady] == [0, 0], [one.said() for one in steady]
    expect_undisturbed(spark, settings, tmp_path)
