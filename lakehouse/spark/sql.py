"""What Spark's SQL is given from outside of it: a text as a literal, a name, a setting for a while."""

from collections.abc import Iterator
from contextlib import contextmanager

from pyspark.sql import SparkSession


def text_literal(text: str) -> str:
    """The text as SQL writes it, in quotes."""
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"


def identifier(name: str) -> str:
    """The name of a column, or a path in a name's place, as SQL writes it whatever is in it."""
    return "`" + name.replace("`", "``") + "`"


@contextmanager
def setting(spark: SparkSession, name: str, value: str) -> Iterator[None]:
    """Give a setting of the session this value, and afterwards the one it had."""
    before = spark.conf.get(name, None)
    spark.conf.set(name, value)
    try:
        yield
    finally:
        if before is None:
            spark.conf.unset(name)
        else:
            spark.conf.set(name, before)
