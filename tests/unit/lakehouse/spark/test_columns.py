"""Which columns an existing table may have to be brought in line with its contract."""

from dataclasses import replace
from typing import cast

import pytest
from pyspark.sql import SparkSession
from pyspark.sql.types import DataType, DoubleType, IntegerType, LongType, StringType, StructField, StructType

from lakehouse.errors import TableError
from lakehouse.spark.columns import widen
from lakehouse.tables import BRONZE_EVENTS, SILVER_FEEDBACK, Table

NO_SPARK = cast(SparkSession, None)


def with_type(table: Table, column: str, kind: DataType) -> Table:
    fields = [StructField(column, kind) if field.name == column else field for field in table.schema]
    return replace(table, schema=StructType(fields))


@pytest.mark.parametrize(
    ("table", "column", "held", "wanted"),
    [
        (SILVER_FEEDBACK, "seconds_watched", LongType(), IntegerType()),
        (SILVER_FEEDBACK, "seconds_watched", IntegerType(), StringType()),
        (SILVER_FEEDBACK, "rating", DoubleType(), LongType()),
        # wider, but the rows of an append-only table are never written again
        (BRONZE_EVENTS, "partition", IntegerType(), LongType()),
    ],
)
def test_any_other_type_is_refused(table: Table, column: str, held: DataType, wanted: DataType) -> None:
    existing, later = with_type(table, column, held).schema, with_type(table, column, wanted)
    with pytest.raises(TableError) as error:
        widen(NO_SPARK, "/r", later, existing)
    assert str(error.value) == (
        f"{table.sql_name} at /r: column {column} is {held.simpleString()} instead of {wanted.simpleString()}; "
        f"the contract is in lakehouse/tables/{table.layer}.py"
    )


def test_the_same_types_need_nothing() -> None:
    assert not widen(NO_SPARK, "/r", SILVER_FEEDBACK, SILVER_FEEDBACK.schema)
