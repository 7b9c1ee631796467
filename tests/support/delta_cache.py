"""Delta's cache in the JVM of the tests."""

from pyspark import SparkContext


def forget_tables() -> None:
    """Clear Delta's per-JVM cache: about 1 MB per table, bound to a context that may have stopped."""
    if SparkContext._jvm is not None:
        SparkContext._jvm.org.apache.spark.sql.delta.DeltaLog.clearCache()
