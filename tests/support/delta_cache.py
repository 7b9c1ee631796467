"""What Delta remembers in the JVM of the tests."""

from pyspark import SparkContext


def forget_tables() -> None:
    """Delta keeps what it knows of tables per JVM, about 1 MB each, bound to a context that may have stopped."""
    if SparkContext._jvm is not None:
        SparkContext._jvm.org.apache.spark.sql.delta.DeltaLog.clearCache()
