"""Which versions the recorded runs accept: those of a layer that one run checked as a whole and found good."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from lakehouse.history import acceptance
from lakehouse.history.acceptance import GATED, ROW_COUNT, Recorded
from lakehouse.lakehouse import Lakehouse
from lakehouse.tables import QUALITY_RESULTS, SILVER_USERS, Table
from quality.results import Checked, Result, Run
from quality.storing import record

MORNING = datetime(2026, 3, 1, 8, tzinfo=UTC)
SILVER = GATED["silver"]


def add_run(
    lake: Lakehouse,
    version: int,
    *,
    hour: int,
    tables: tuple[Table, ...] = SILVER,
    failed: str = "",
    count: str = ROW_COUNT,
) -> None:
    """A run that checked these tables at that version."""

    def checked(name: str) -> Checked:
        rows = Result(name, version, count, "", True, "5", "")
        rating = Result(name, version, "expect_drift", "rating", name != failed, "0", "0", shares={"4.0": 1.0})
        return Checked(name, version, (rows, rating))

    moment = MORNING + timedelta(hours=hour)
    record(lake, Run(f"run{hour}", moment, tuple(checked(table.sql_name) for table in tables)))


def recorded(lake: Lakehouse) -> Recorded:
    return acceptance._read(lake.root, lake.version(QUALITY_RESULTS))


def test_a_whole_layer_that_passed_is_accepted_with_its_figures(tmp_path: Path) -> None:
    lake = Lakehouse(tmp_path)
    add_run(lake, 7, hour=0)
    (users,) = recorded(lake).accepted["silver.users"]
    assert (users.version, users.checked_at, users.rows) == (7, MORNING, 5)
    assert users.shares == {"rating": {"4.0": 1.0}}


def test_one_failure_keeps_the_whole_layer_back_but_it_counts_as_checked(tmp_path: Path) -> None:
    lake = Lakehouse(tmp_path)
    add_run(lake, 7, hour=0, failed="silver.feedback")
    assert recorded(lake) == Recorded({}, frozenset(table.sql_name for table in SILVER))


def test_a_part_of_a_layer_is_neither_accepted_nor_checked(tmp_path: Path) -> None:
    lake = Lakehouse(tmp_path)
    add_run(lake, 7, hour=0, tables=SILVER[:-1])
    assert recorded(lake) == Recorded({}, frozenset())


def test_a_later_failure_does_not_take_back_what_was_accepted(tmp_path: Path) -> None:
    lake = Lakehouse(tmp_path)
    add_run(lake, 7, hour=0)
    add_run(lake, 8, hour=1, failed="silver.users")
    assert [one.version for one in recorded(lake).accepted["silver.users"]] == [7]


def test_the_row_count_of_an_earlier_release_has_another_name(tmp_path: Path) -> None:
    lake = Lakehouse(tmp_path)
    add_run(lake, 7, hour=0, count="row count")
    assert recorded(lake).accepted["silver.users"][0].rows == 5


def test_the_versions_checked_last_are_remembered_whatever_their_numbers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A recreated table counts from 0, below all versions that were accepted before."""
    monkeypatch.setattr(acceptance, "_REMEMBERED", 2)
    lake = Lakehouse(tmp_path)
    for version, hour in [(7, 0), (7, 1), (8, 2), (0, 3), (0, 4)]:
        add_run(lake, version, hour=hour)
    found = recorded(lake).accepted["silver.users"]
    assert [(one.version, one.checked_at) for one in found] == [
        (8, MORNING + timedelta(hours=2)),
        (0, MORNING + timedelta(hours=4)),
    ]


def test_without_results_nothing_is_accepted(tmp_path: Path) -> None:
    assert acceptance.last_accepted(Lakehouse(tmp_path), SILVER_USERS) is None
