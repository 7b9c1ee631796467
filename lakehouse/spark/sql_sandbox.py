"""The SQL sandbox: a query of the user may read the tables that it names, and nothing else."""

from pyspark.sql import SparkSession

# Functions that call Java or read tables by their path.
_UNSAFE = ("reflect", "java_method", "try_reflect", "table_changes_by_path")


def sandbox(spark: SparkSession) -> None:
    """Restrict the session's SQL to tables and views by name: no file by its path, no Java method.

    A method called by `reflect` could read the environment, which holds secrets, or end the process.
    """
    spark.conf.set("spark.sql.runSQLOnFiles", "false")
    session, jvm = spark._jsparkSession.sessionState(), spark.sparkContext._jvm
    assert jvm is not None  # noqa: S101 - a classic session has its JVM
    some = jvm.scala.Option.apply
    for name in _UNSAFE:
        identifier = jvm.org.apache.spark.sql.catalyst.FunctionIdentifier(name, some("builtin"), some("system"))
        session.functionRegistry().dropFunction(identifier)
        session.tableFunctionRegistry().dropFunction(identifier)


def as_query(text: str) -> str:
    """The text in parentheses, where only a single query is valid."""
    return f"SELECT * FROM (\n{text.strip().rstrip(';')}\n)"  # noqa: S608 - the user's own query is what is run
