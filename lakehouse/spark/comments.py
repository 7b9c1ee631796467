"""The descriptions of an existing table and its columns, brought in line with its declaration."""

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F
from pyspark.sql.types import StructType

from lakehouse.spark.sql import identifier, text_literal
from lakehouse.tables import Table
from lakehouse.tables.declaration import comment_of


def update_columns(spark: SparkSession, path: str, table: Table, existing: StructType) -> None:
    """Set the comments that differ, in one commit that changes no file of rows."""
    due = {
        name: comment
        for name, comment in table.descriptions.items()
        if comment and comment != comment_of(existing[name])
    }
    if due:
        listed = ", ".join(f"{identifier(name)} COMMENT {text_literal(due[name])}" for name in due)
        spark.sql(f"ALTER TABLE delta.{identifier(path)} ALTER COLUMN {listed}")


def update_table(spark: SparkSession, path: str, table: Table, existing: str) -> None:
    """Set the table's description if the one found is another."""
    if table.row and existing != table.row:
        spark.sql(f"COMMENT ON TABLE delta.{identifier(path)} IS {text_literal(table.row)}")


def commented(rows: DataFrame, table: Table) -> DataFrame:
    """The rows with the comments of the declaration, for a write that replaces the table's schema."""
    return rows.select(
        *[F.col(column.name).alias(column.name, metadata=column.metadata) for column in table.schema]
    )
