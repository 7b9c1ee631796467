"""`lakehouse diff`: versions that cannot be compared."""

from pathlib import Path

import pytest
from deltalake import DeltaTable

from lakehouse.errors import TableError
from lakehouse.lakehouse import Lakehouse
from lakehouse.tables import SILVER_USERS
from operations.commands.diff import difference
from tests.support.delta_tables import make


@pytest.fixture
def lake(tmp_path: Path) -> Lakehouse:
    return Lakehouse(make(tmp_path))


def test_a_version_whose_files_are_gone_is_one_line(lake: Lakehouse) -> None:
    DeltaTable(lake.path(SILVER_USERS)).vacuum(retention_hours=0, enforce_retention_duration=False, dry_run=False)
    with pytest.raises(TableError, match=r"version 0 or 1 of silver.users cannot be read: ") as error:
        difference(lake, SILVER_USERS, 0, 1, limit=5)
    assert "\n" not in str(error.value)
    assert "VACUUM may have deleted the files of old ones" in error.value.todo


@pytest.mark.parametrize(("before", "after", "lacking"), [(0, 7, 7), (9, 1, 9)])
def test_a_version_that_does_not_exist_is_named(lake: Lakehouse, before: int, after: int, lacking: int) -> None:
    with pytest.raises(TableError) as error:
        difference(lake, SILVER_USERS, before, after, limit=5)
    assert str(error.value) == (
        f"silver.users has no version {lacking}; it has 0 to 1: lakehouse history silver.users"
    )


def test_a_table_that_does_not_exist_is_named(lake: Lakehouse) -> None:
    with pytest.raises(TableError, match=r"table silver.users does not exist under .*; make it with"):
        difference(Lakehouse(f"{lake.root}/none"), SILVER_USERS, 0, 1, limit=5)
