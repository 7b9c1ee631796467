"""Spark's SQL: a text as a literal, a name as an identifier, a setting for a while."""

from collections.abc import Iterator
from contextlib import contextmanager

from pyspark.sql import SparkSession


def text_literal(text: str) -> str:
    """The text as a literal of Spark SQL. `lakehouse.sql.text_literal` writes those of DataFusion."""
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"


def identifier(name: str) -> str:
    """A column's name, or a path in a name's place, as a quoted SQL identifier, whatever it contains."""
    return "`" + name.replace("`", "``") + "`"


@contextmanager
def setting(spark: SparkSession, name: str, value: str) -> Iterator[None]:
    """Change a setting of the session inside the block, then restore its old value."""
    before = spark.conf.get(name, None)
    spark.conf.set(name, value)
    try:
        yield
    finally:
        if before is None:
            spark.conf.unset(name)
        else:
            spark.conf.set(name, before)
