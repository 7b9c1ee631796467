"""When `lakehouse up` maintains the tables."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from lakehouse.lakehouse import Lakehouse
from lakehouse.runs import store
from lakehouse.runs.run import Run
from maintenance import maintain
from operations.live.maintenance import due_seconds

NOON = datetime(2025, 6, 1, 12, tzinfo=UTC)
DAY = 24 * 3600.0


def ran(hours_ago: float, *, job: str = maintain.JOB, result: str = "succeeded") -> Run:
    return Run(f"{job}-{hours_ago}", None, job, job, NOON - timedelta(hours=hours_ago), result=result)


@pytest.mark.parametrize(
    ("runs", "due"),
    [
        ([], 0.0),
        ([ran(30), ran(20)], 4 * 3600.0),
        ([ran(30), ran(1, result="failed"), ran(2, job="quality.check")], -6 * 3600.0),
    ],
    ids=["it never ran", "the last run counts", "neither failures nor other jobs count"],
)
def test_it_is_due_an_interval_after_the_last_run(tmp_path: Path, runs: list[Run], due: float) -> None:
    lake = Lakehouse(str(tmp_path))
    if runs:
        store.append(lake, runs)
    assert due_seconds(lake, DAY, now=NOON) == due
