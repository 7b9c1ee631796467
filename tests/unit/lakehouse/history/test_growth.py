"""Bytes per day, from files and their times."""

from datetime import UTC, datetime, timedelta

import pytest

from lakehouse.folders import Stored
from lakehouse.history.growth import Growth, growth

NOW = datetime(2025, 5, 13, 12, tzinfo=UTC)


def file(size: int, *, days_ago: float) -> Stored:
    return Stored(size, NOW - timedelta(days=days_ago))


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        ([], Growth(0, 0)),
        # of this hour: not 24 times as much a day
        ([file(500, days_ago=0.04)], Growth(500, 500)),
        # of two days
        ([file(100, days_ago=2), file(300, days_ago=0)], Growth(400, 200)),
        # what is older than a week says nothing about the present rate
        ([file(9_000, days_ago=30), file(700, days_ago=3)], Growth(9_700, 100)),
    ],
)
def test_growth_is_the_mean_of_the_last_week(files: list[Stored], expected: Growth) -> None:
    assert growth(files, now=NOW) == expected
