"""SparkLakehouse as functions of `spark` and `root`, for the checks and their tests alone. To be removed."""

from delta.tables import DeltaTable
from pyspark.sql import DataFrame, SparkSession

from lakehouse.spark.lakehouse import SparkLakehouse
from lakehouse.tables import Table


def table_path(root: str, table: Table) -> str:
    return table.path(root)


def exists(spark: SparkSession, root: str, table: Table) -> bool:
    return SparkLakehouse(root, spark).exists(table)


def ensure(spark: SparkSession, root: str, table: Table) -> None:
    SparkLakehouse(root, spark).ensure(table)


def read(spark: SparkSession, root: str, table: Table, *, version: int | None = None) -> DataFrame:
    return SparkLakehouse(root, spark).read(table, version=version)


def delta_table(spark: SparkSession, root: str, table: Table) -> DeltaTable:
    return SparkLakehouse(root, spark).delta_table(table)


def latest_version(spark: SparkSession, root: str, table: Table) -> int:
    return SparkLakehouse(root, spark).version(table)


def overwrite(rows: DataFrame, root: str, table: Table) -> None:
    SparkLakehouse(root, rows.sparkSession).overwrite(rows, table)


def append(rows: DataFrame, root: str, table: Table) -> None:
    SparkLakehouse(root, rows.sparkSession).append(rows, table)
