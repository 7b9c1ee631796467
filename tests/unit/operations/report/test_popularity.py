"""The periods of the popularity chart, up to the last day that a date can hold."""

from datetime import date

import pytest

from operations.report.popularity import fill_periods, start_of

LAST = date.max  # 9999-12-31, a Friday


@pytest.mark.parametrize(
    ("first", "unit", "starts"),
    [
        (date(9999, 12, 30), "day", [date(9999, 12, 30), LAST]),
        (date(9999, 12, 24), "week", [date(9999, 12, 20), date(9999, 12, 27)]),
        (date(9999, 11, 30), "month", [date(9999, 11, 1), date(9999, 12, 1)]),
        (date(9999, 8, 1), "quarter", [date(9999, 7, 1), date(9999, 10, 1)]),
        (date(9998, 5, 1), "year", [date(9998, 1, 1), date(9999, 1, 1)]),
    ],
)
def test_the_last_period_ends_with_the_year_9999(first: date, unit: str, starts: list[date]) -> None:
    periods = fill_periods({first: [1, 0, 0, 0], LAST: [0, 2, 0, 0]}, unit=unit)
    assert [period.first_day for period in periods] == starts
    assert [(period.views, period.likes) for period in periods] == [(1, 0), (0, 2)]


@pytest.mark.parametrize("unit", ["day", "week", "month", "quarter", "year"])
def test_one_last_day_is_one_period(unit: str) -> None:
    assert [period.first_day for period in fill_periods({LAST: [1, 1, 1, 1]}, unit=unit)] == [start_of(LAST, unit)]
