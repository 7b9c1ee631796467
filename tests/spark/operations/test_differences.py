"""The differences between two versions: every kind of change, each column, NULLs, maps and repeated keys."""

from typing import Any

import pytest
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from operations.differences import compare, shared_columns
from tests.support.frames import assert_df_equality

SCHEMA = "id string, name string, tags array<string>, counts map<string,bigint>"
SAME = ("same", "Ana", ["a"], {"x": 1, "y": 2})
RESULT = "change string, id string, columns array<string>, before string, after string"


def frame(spark: SparkSession, *rows: tuple[Any, ...]) -> DataFrame:
    return spark.createDataFrame(list(rows), SCHEMA)


def differences(before: DataFrame, after: DataFrame) -> DataFrame:
    """The differences, with the name of each side instead of its whole rows."""
    found = compare(before, after, key=["id"])
    return found.select(
        "change", F.col("key.id").alias("id"), "columns", F.col("before.name").alias("before"), F.col("after.name")
    ).withColumnRenamed("name", "after")


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        ([SAME], [SAME], []),
        ([], [SAME], [("added", "same", [], None, "Ana")]),
        ([SAME], [], [("removed", "same", [], "Ana", None)]),
        ([SAME], [("same", "Eva", ["a"], {"x": 1, "y": 2})], [("changed", "same", ["name"], "Ana", "Eva")]),
        # NULL equals NULL ...
        ([("n", None, None, None)], [("n", None, None, None)], []),
        # ... and nothing else, not even an empty value
        (
            [("n", None, None, None)],
            [("n", "", [], {})],
            [("changed", "n", ["name", "tags", "counts"], None, "")],
        ),
        # the order of an array matters, that of a map's entries does not
        (
            [("o", "Ana", ["a", "b"], None)],
            [("o", "Ana", ["b", "a"], None)],
            [("changed", "o", ["tags"], "Ana", "Ana")],
        ),
        ([("m", "Ana", None, {"x": 1, "y": 2})], [("m", "Ana", None, {"y": 2, "x": 1})], []),
        (
            [("m", "Ana", None, {"x": 1})],
            [("m", "Ana", None, {"x": 2})],
            [("changed", "m", ["counts"], "Ana", "Ana")],
        ),
        # a key with two rows on the right and one on the left: one added row, and none counted twice
        ([SAME], [SAME, SAME], [("added", "same", [], None, "Ana")]),
        ([SAME, SAME], [SAME, SAME], []),
        ([SAME, ("same", "Eva", None, None)], [SAME], [("removed", "same", [], "Eva", None)]),
        # different keys are different rows, whatever they contain
        (
            [("p", "Ana", None, None)],
            [("q", "Ana", None, None)],
            [("added", "q", [], None, "Ana"), ("removed", "p", [], "Ana", None)],
        ),
    ],
    ids=[
        *("same", "added", "removed", "changed", "nulls", "null and empty", "order of an array", "order of a map"),
        *("value of a map", "one more of a key", "two of a key", "one less of a key", "other key"),
    ],
)
def test_a_difference(
    spark: SparkSession, before: list[Any], after: list[Any], expected: list[tuple[Any, ...]]
) -> None:
    found = differences(frame(spark, *before), frame(spark, *after))
    wanted = spark.createDataFrame(expected, RESULT)
    assert_df_equality(found, wanted, ignore_row_order=True, ignore_nullable=True)


def test_a_column_that_one_side_lacks_is_not_compared(spark: SparkSession) -> None:
    """Nor is a column whose type changed: then the contract differs."""
    before = frame(spark, SAME).withColumn("old", F.lit(1)).withColumn("kind", F.lit("1"))
    after = frame(spark, SAME).withColumn("new", F.lit(2)).withColumn("kind", F.lit(1))
    assert shared_columns(before, after) == ["id", "name", "tags", "counts"]
    assert compare(before, after, key=["id"]).isEmpty()
