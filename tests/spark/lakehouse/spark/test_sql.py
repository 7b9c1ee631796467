"""Values passed into Spark's SQL arrive unchanged."""

from contextlib import suppress

import pytest
from pyspark.sql import SparkSession

from lakehouse.spark.sql import identifier, setting, text_literal

NAME = "spark.sql.shuffle.partitions"


@pytest.mark.parametrize(
    "text", ["PG-13", "it's", "back\\slash", "at the end\\", "\\'", "línea\nnueva", '"', "${env:HOME}", ""]
)
def test_a_text_is_read_as_it_was_written(spark: SparkSession, text: str) -> None:
    assert spark.sql(f"SELECT {text_literal(text)}").collect()[0][0] == text


@pytest.mark.parametrize("name", ["offset", "a b", "a.b", "it's", "back`tick", "`", "${env:HOME}"])
def test_a_name_is_read_as_it_was_written(spark: SparkSession, name: str) -> None:
    frame = spark.createDataFrame([(1,)], [name])
    assert frame.selectExpr(identifier(name)).columns == [name]


def test_a_setting_is_what_it_was_afterwards(spark: SparkSession) -> None:
    before = spark.conf.get(NAME)
    with suppress(ZeroDivisionError), setting(spark, NAME, "7"):
        assert spark.conf.get(NAME) == "7"
        raise ZeroDivisionError
    assert spark.conf.get(NAME) == before


def test_a_setting_that_nobody_gave_is_not_left(spark: SparkSession) -> None:
    name = "lakehouse.test.nobodys"
    with setting(spark, name, "1"):
        assert spark.conf.get(name) == "1"
    assert spark.conf.get(name, None) is None
