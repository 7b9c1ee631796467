"""The tables that the shell names and describes, read from a real root without Spark."""

from pathlib import Path

import pytest
from deltalake import DeltaTable, Field, Schema
from deltalake.schema import PrimitiveType

from lakehouse.errors import InputError
from lakehouse.tables import CATALOGUE, SILVER_USERS
from operations.shell.known_tables import KnownTables


def make_users(root: Path) -> None:
    """silver.users of another version: two columns."""
    fields = [Field("id", PrimitiveType("string"), nullable=False), Field("age", PrimitiveType("integer"))]
    DeltaTable.create(str(root / "silver" / "users"), Schema(fields))


def test_all_tables_are_named_where_none_exists(tmp_path: Path) -> None:
    assert KnownTables(str(tmp_path / "none")).named() == list(CATALOGUE)


def test_those_that_exist_are_named_and_listed(tmp_path: Path) -> None:
    make_users(tmp_path)
    tables = KnownTables(str(tmp_path))
    assert tables.named() == [SILVER_USERS]
    result = tables.listed()
    assert result.columns == ["table", "version", "written_at"]
    assert [row[:2] for row in result.rows] == [["silver.users", 0]]


def test_a_new_table_is_named_after_the_next_look(tmp_path: Path) -> None:
    tables = KnownTables(str(tmp_path))
    assert tables.listed().rows == []
    make_users(tmp_path)
    assert len(tables.listed().rows) == 1
    assert tables.named() == [SILVER_USERS]


def test_an_existing_table_is_described_as_it_is(tmp_path: Path) -> None:
    make_users(tmp_path)
    result = KnownTables(str(tmp_path)).described("Silver.Users")
    assert result.rows == [["id", "string", False, True], ["age", "int", True, False]]


def test_another_one_is_described_as_it_will_be(tmp_path: Path) -> None:
    rows = KnownTables(str(tmp_path)).described("silver.users").rows
    assert [row[0] for row in rows] == SILVER_USERS.columns
    assert ["generos", "array<string>", False, False] in rows


def test_a_root_that_only_spark_may_reach() -> None:
    tables = KnownTables("hdfs://nowhere/lakehouse")
    assert tables.named() == list(CATALOGUE)
    with pytest.raises(InputError, match="SHOW TABLES"):
        tables.listed()
