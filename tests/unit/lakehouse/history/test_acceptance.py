"""Which versions have passed their checks, from the rows of quality.results."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from lakehouse.errors import TableError
from lakehouse.history import acceptance
from lakehouse.history.acceptance import (
    GATED,
    ROW_COUNT,
    input_version,
    is_accepted,
    last_accepted,
    published_version,
    without_gate,
)
from lakehouse.lakehouse import Lakehouse
from lakehouse.tables import QUALITY_RESULTS, SILVER_USERS, Table
from tests.support.delta_tables import user, write

LATER = datetime.now(UTC) + timedelta(days=1)
SILVER = GATED["silver"]


def results(
    run: str,
    version: int,
    *,
    tables: Sequence[Table] = SILVER,
    failed: str = "",
    at: datetime = LATER,
    count: str = ROW_COUNT,
) -> list[dict[str, Any]]:
    """A run's results: for each table its row count, and a distribution."""
    common = {"run_id": run, "version": version, "expected": "1", "checked_at": at}
    counts = [
        {"table_name": table.sql_name, "expectation": count, "column": "", "observed": "7", "success": True}
        for table in tables
    ]
    shares = [
        {
            "table_name": table.sql_name,
            "expectation": "mix",
            "column": "type",
            "shares": {"a": 1.0},
            "success": True,
        }
        for table in tables
    ]
    rows = [{**row, **common} for row in counts + shares]
    return [row | {"success": row["success"] and row["table_name"] != failed} for row in rows]


@pytest.fixture
def lake(tmp_path: Path) -> Lakehouse:
    """Four versions of silver.users."""
    for number in range(4):
        write(tmp_path, SILVER_USERS, user(number, "Ana"))
    return Lakehouse(tmp_path)


def check(lake: Lakehouse, *runs: list[dict[str, Any]]) -> None:
    for rows in runs:
        write(Path(lake.root), QUALITY_RESULTS, *rows)


def test_the_newest_version_that_passed_with_its_layer_is_accepted(lake: Lakehouse) -> None:
    check(
        lake,
        results("r1", 1),
        results("r2", 2, failed="silver.content"),  # another table of the layer failed
        results("r3", 3, tables=[SILVER_USERS]),  # only one table was checked
    )
    accepted = last_accepted(lake.root, SILVER_USERS)
    assert accepted is not None
    assert (accepted.version, accepted.rows, accepted.shares) == (1, 7, {"type": {"a": 1.0}})
    assert accepted.checked_at == LATER
    assert [is_accepted(lake.root, SILVER_USERS, version) for version in range(4)] == [False, True, False, False]
    assert last_accepted(lake.root, SILVER_USERS, up_to=0) is None
    assert input_version(lake.root, SILVER_USERS) == published_version(lake.root, SILVER_USERS) == 1
    with without_gate():
        assert input_version(lake.root, SILVER_USERS) == 3


def test_a_version_that_passed_once_stays_accepted(lake: Lakehouse) -> None:
    check(lake, results("r1", 2), results("r2", 2, failed="silver.users", at=LATER + timedelta(hours=1)))
    assert is_accepted(lake.root, SILVER_USERS, 2)


def test_the_last_check_of_a_version_counts(lake: Lakehouse) -> None:
    check(lake, results("r2", 2, at=LATER + timedelta(hours=1)), results("r1", 2))
    accepted = last_accepted(lake.root, SILVER_USERS)
    assert accepted is not None
    assert accepted.checked_at == LATER + timedelta(hours=1)


def test_one_failure_keeps_the_whole_layer_back_but_it_counts_as_checked(lake: Lakehouse) -> None:
    check(lake, results("r1", 1, failed="silver.feedback"))
    assert last_accepted(lake.root, SILVER_USERS) is None
    with pytest.raises(TableError, match="has passed its checks"):
        input_version(lake.root, SILVER_USERS)


def test_a_part_of_a_layer_is_neither_accepted_nor_checked(lake: Lakehouse) -> None:
    check(lake, results("r1", 1, tables=SILVER[:-1]))
    assert last_accepted(lake.root, SILVER_USERS) is None
    assert input_version(lake.root, SILVER_USERS) == 3


def test_the_row_count_of_an_earlier_release_has_another_name(lake: Lakehouse) -> None:
    check(lake, results("r1", 1, count="row count"))
    accepted = last_accepted(lake.root, SILVER_USERS)
    assert accepted is not None
    assert accepted.rows == 7


def test_a_version_committed_after_its_check_is_a_recreated_tables(lake: Lakehouse) -> None:
    check(lake, results("r1", 1, at=datetime(2020, 1, 1, tzinfo=UTC)))
    assert last_accepted(lake.root, SILVER_USERS) is None
    with pytest.raises(TableError, match=r"no version of silver.users has passed its checks"):
        input_version(lake.root, SILVER_USERS)


def test_without_any_check_the_newest_version_counts(lake: Lakehouse) -> None:
    assert last_accepted(lake.root, SILVER_USERS) is None
    assert input_version(lake.root, SILVER_USERS) == 3
    with pytest.raises(TableError, match="has passed its checks"):
        published_version(lake.root, SILVER_USERS)


def test_the_versions_checked_last_are_remembered_whatever_their_numbers(
    lake: Lakehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A recreated table counts from 0, below all versions that were accepted before."""
    monkeypatch.setattr(acceptance, "_REMEMBERED", 2)
    checks = [(7, 0), (7, 1), (8, 2), (0, 3), (0, 4)]  # version, hour
    check(lake, *[results(f"r{hour}", version, at=LATER + timedelta(hours=hour)) for version, hour in checks])
    known = acceptance._read(lake.root, lake.version(QUALITY_RESULTS)).accepted["silver.users"]
    assert [(one.version, one.checked_at - LATER) for one in known] == [
        *((8, timedelta(hours=2)), (0, timedelta(hours=4)))
    ]
