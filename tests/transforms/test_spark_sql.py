"""What Spark's SQL is given from outside of it arrives as it was."""

import pytest
from pyspark.sql import SparkSession

from lakehouse.spark_sql import setting, text_literal

NAME = "spark.sql.shuffle.partitions"


@pytest.mark.parametrize("text", ["PG-13", "it's", "back\\slash", "at the end\\", "\\'", "línea\nnueva", '"', ""])
def test_a_text_is_read_as_it_was_written(spark: SparkSession, text: str) -> None:
    assert spark.sql(f"SELECT {text_literal(text)}").collect()[0][0] == text


def test_a_setting_is_what_it_was_afterwards(spark: SparkSession) -> None:
    before = spark.conf.get(NAME)
    with setting(spark, NAME, "7"):
        assert spark.conf.get(NAME) == "7"
    assert spark.conf.get(NAME) == before


def test_a_setting_that_nobody_gave_is_not_left(spark: SparkSession) -> None:
    name = "lakehouse.test.nobodys"
    with setting(spark, name, "1"):
        assert spark.conf.get(name) == "1"
    assert spark.conf.get(name, None) is None
