"""SparkLakehouse as functions of `spark` and `root`, for callers not yet moved to it. To be removed."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from delta.tables import DeltaTable
from pyspark.sql import DataFrame, SparkSession

from lakehouse.spark.lakehouse import SparkLakehouse, TableDetail
from lakehouse.tables import Table


def table_path(root: str, table: Table) -> str:
    return table.path(root)


def checkpoint_path(root: str, stream: str) -> str:
    return f"{root}/checkpoints/{stream}"


def exists(spark: SparkSession, root: str, table: Table) -> bool:
    return SparkLakehouse(root, spark).exists(table)


def ensure(spark: SparkSession, root: str, table: Table) -> None:
    SparkLakehouse(root, spark).ensure(table)


def require(spark: SparkSession, root: str, table: Table) -> str:
    return SparkLakehouse(root, spark).require(table)


def read(spark: SparkSession, root: str, table: Table, *, version: int | None = None) -> DataFrame:
    return SparkLakehouse(root, spark).read(table, version=version)


def detail(spark: SparkSession, root: str, table: Table) -> TableDetail:
    return SparkLakehouse(root, spark).detail(table)


def set_properties(spark: SparkSession, root: str, table: Table, properties: Mapping[str, str]) -> None:
    SparkLakehouse(root, spark).set_properties(table, properties)


def delta_table(spark: SparkSession, root: str, table: Table) -> DeltaTable:
    return SparkLakehouse(root, spark).delta_table(table)


def latest_version(spark: SparkSession, root: str, table: Table) -> int:
    return SparkLakehouse(root, spark).version(table)


def overwrite(rows: DataFrame, root: str, table: Table, **noted: Any) -> None:
    SparkLakehouse(root, rows.sparkSession).overwrite(rows, table, **noted)


def append(rows: DataFrame, root: str, table: Table) -> None:
    SparkLakehouse(root, rows.sparkSession).append(rows, table)


def append_once(rows: DataFrame, root: str, table: Table, *, txn_app_id: str, txn_version: int) -> None:
    SparkLakehouse(root, rows.sparkSession).append_once(
        rows, table, txn_app_id=txn_app_id, txn_version=txn_version
    )


@contextmanager
def registered(spark: SparkSession, root: str) -> Iterator[list[str]]:
    with SparkLakehouse(root, spark).registered() as names:
        yield names
