"""Descriptions of tables and columns in Delta: set at creation, updated without touching a row, and never lost."""

import json
from dataclasses import replace
from pathlib import Path

import deltalake
import pytest
from pyspark.sql import SparkSession
from pyspark.sql.types import StructField, StructType

from lakehouse.spark.lakehouse import SparkLakehouse
from lakehouse.tables import BRONZE_EVENTS, GOLD_POWERBI, SILVER_CORRECTIONS, SILVER_USERS, Table
from lakehouse.tables.declaration import INT, LONG, STRING, optional, required
from tests.support.records import USER, bronze_frame, bronze_row

FEED = {"delta.enableChangeDataFeed": "true"}


def declared(*, row: str = "one thing", name: str = "its `name`, isn't \\ it", size: str = "in bytes") -> Table:
    schema = StructType([required("offset", STRING, name), optional("size", LONG, size)])
    return Table("gold", "things", schema, ("offset",), {"positive": "size > 0"}, FEED, row=row)


def without_words(table: Table) -> Table:
    """The table as a version of this project declared it that had no descriptions."""
    bare = [StructField(column.name, column.dataType, column.nullable) for column in table.schema]
    return replace(table, schema=StructType(bare), row="")


def comments_of(lake: SparkLakehouse, table: Table) -> tuple[str | None, dict[str, str]]:
    """The description of the table and those of its columns, as another reader of Delta sees them."""
    found = deltalake.DeltaTable(lake.path(table))
    comments = {column.name: str(column.metadata.get("comment", "")) for column in found.schema().fields}
    return found.metadata().description, comments


@pytest.fixture
def lake(spark: SparkSession, tmp_path: Path) -> SparkLakehouse:
    return SparkLakehouse(str(tmp_path / "a root"), spark)


@pytest.mark.parametrize("table", [SILVER_USERS, SILVER_CORRECTIONS, GOLD_POWERBI], ids=lambda table: table.name)
def test_a_new_table_has_all_descriptions_in_its_first_commit(lake: SparkLakehouse, table: Table) -> None:
    lake.ensure(table)
    assert lake.version(table) == 0
    assert comments_of(lake, table) == (table.row, table.descriptions)


def test_an_older_table_gets_them_in_commits_that_change_no_file(lake: SparkLakehouse) -> None:
    table = declared()
    lake.ensure(without_words(table))
    lake.append(lake.spark.createDataFrame([("a", 1)], table.schema), table)
    files = lake.read(table).inputFiles()
    lake.ensure(table)
    assert comments_of(lake, table) == ("one thing", table.descriptions)
    operations = [row["operation"] for row in lake.delta_table(table).history().collect()]
    assert operations == ["SET TBLPROPERTIES", "CHANGE COLUMNS", "WRITE", "CREATE TABLE"]
    assert lake.read(table).inputFiles() == files


def test_nothing_is_written_where_nothing_changed(lake: SparkLakehouse) -> None:
    lake.ensure(declared())
    lake.ensure(declared())
    assert lake.version(declared()) == 0


def test_what_changed_is_updated_and_the_rest_stays(lake: SparkLakehouse) -> None:
    lake.ensure(declared())
    later = declared(row="one thing, as it is now", size="in kB")
    lake.ensure(later)
    assert comments_of(lake, later) == (
        "one thing, as it is now",
        {"offset": "its `name`, isn't \\ it", "size": "in kB"},
    )


def test_a_job_that_only_overwrites_updates_them_too(lake: SparkLakehouse) -> None:
    table = declared()
    rows = lake.spark.createDataFrame([("a", 1)], "`offset` string, size long")
    lake.overwrite(rows, without_words(table))
    lake.overwrite(rows, table)
    assert comments_of(lake, table) == ("one thing", table.descriptions)
    lake.overwrite(rows, table)
    assert comments_of(lake, table) == ("one thing", table.descriptions)


def test_a_replaced_schema_has_them_and_is_the_declared_one(lake: SparkLakehouse) -> None:
    """Spark makes all columns nullable when it overwrites a schema."""
    table = declared()
    lake.ensure(replace(table, schema=StructType([table.schema["offset"], optional("size", INT, "in bytes")])))
    rows = lake.spark.createDataFrame([("a", 1)], "`offset` string, size long")
    lake.replace(rows, table, note={"lakehouse": "rebuild"})
    assert comments_of(lake, table) == ("one thing", table.descriptions)
    columns = deltalake.DeltaTable(lake.path(table)).schema().to_json()
    assert json.loads(columns) == json.loads(table.schema.json())


def test_a_column_added_later_comes_with_its_description(lake: SparkLakehouse) -> None:
    table = declared()
    lake.ensure(replace(table, schema=StructType(table.schema.fields[:1]), checks={}))
    lake.ensure(table)
    assert comments_of(lake, table) == ("one thing", table.descriptions)


def test_a_stream_and_a_change_feed_go_on_across_the_update(lake: SparkLakehouse, tmp_path: Path) -> None:
    before = without_words(BRONZE_EVENTS)

    def copied() -> int:
        """The rows that a stream has copied after reading on from where it was."""
        rows = lake.spark.readStream.format("delta").load(lake.path(BRONZE_EVENTS))
        writer = rows.writeStream.format("delta").option("checkpointLocation", str(tmp_path / "checkpoint"))
        writer.trigger(availableNow=True).start(str(tmp_path / "copy")).awaitTermination()
        return lake.spark.read.format("delta").load(str(tmp_path / "copy")).count()

    lake.ensure(before)
    lake.append(bronze_frame(lake.spark, [bronze_row(USER)]), before)
    assert copied() == 1
    lake.ensure(BRONZE_EVENTS)
    assert copied() == 1
    lake.append(bronze_frame(lake.spark, [bronze_row(USER, offset=1)]), BRONZE_EVENTS)
    assert copied() == 2

    table = declared()
    lake.ensure(without_words(table))
    lake.append(lake.spark.createDataFrame([("a", 1)], table.schema), table)
    lake.ensure(table)
    lake.append(lake.spark.createDataFrame([("b", 2)], table.schema), table)
    assert lake.changes(table, after=0, up_to=lake.version(table)).count() == 2
