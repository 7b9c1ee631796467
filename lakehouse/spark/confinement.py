"""SQL that people write, kept to what it is meant for: a query of the tables it may name, and nothing else."""

from pyspark.sql import SparkSession

# Functions that call Java or read tables by their path.
_UNCONFINED = ("reflect", "java_method", "try_reflect", "table_changes_by_path")


def confine(spark: SparkSession) -> None:
    """From here on the session's SQL reaches tables and views by name only: no file by its path, no Java method.

    A method called by `reflect` could read the environment, where secrets are, or end the process.
    """
    spark.conf.set("spark.sql.runSQLOnFiles", "false")
    session, jvm = spark._jsparkSession.sessionState(), spark.sparkContext._jvm
    assert jvm is not None  # noqa: S101 - a classic session has its JVM
    some = jvm.scala.Option.apply
    for name in _UNCONFINED:
        identifier = jvm.org.apache.spark.sql.catalyst.FunctionIdentifier(name, some("builtin"), some("system"))
        session.functionRegistry().dropFunction(identifier)
        session.tableFunctionRegistry().dropFunction(identifier)


def as_query(text: str) -> str:
    """The text in parentheses, where nothing but one query can stand."""
    return f"SELECT * FROM (\n{text.strip().rstrip(';')}\n)"  # noqa: S608 - the person's own query is what is run
