"""The columns of an existing table, brought in line with its declaration."""

import json

from deltalake import CommitProperties
from pyspark.sql import SparkSession
from pyspark.sql import functions as F
from pyspark.sql.types import ArrayType, DataType, DoubleType, IntegerType, LongType, StructField, StructType

from lakehouse.arrow import delta_schema
from lakehouse.errors import TableError
from lakehouse.lakehouse import Lakehouse
from lakehouse.leases import require_leases
from lakehouse.spark.comments import commented
from lakehouse.spark.constraints import build_again
from lakehouse.spark.contracts import require_schema
from lakehouse.spark.sql import identifier, text_literal
from lakehouse.tables import Table
from lakehouse.tables.declaration import comment_of

# The types that hold every value of another one.
_WIDER: dict[type[DataType], tuple[type[DataType], ...]] = {IntegerType: (LongType, DoubleType)}


def add_missing(spark: SparkSession, path: str, table: Table, existing: StructType) -> bool:
    """Add the nullable columns and fields that the table lacks, in one commit; whether there were any."""
    added = _additions(existing, table.schema)
    if added:
        listed = ", ".join(f"{name} {kind}" for name, kind in added.items())
        spark.sql(f"ALTER TABLE delta.{identifier(path)} ADD COLUMNS ({listed})")
    return bool(added)


def widen(spark: SparkSession, path: str, table: Table, existing: StructType) -> bool:
    """Write the table's rows again if a type has become wider, in one commit; whether that was so.

    Not by Delta's type widening, a table feature with which delta-rs no longer reads the table. Raises TableError
    if the columns differ otherwise, or if the table is append-only.
    """
    wider = existing if table.append_only else _wider(existing, table.schema)
    require_schema(wider, table, what=f"{table.sql_name} at {path}")
    if wider == existing:
        return False
    rows = spark.read.format("delta").load(path)
    cast = rows.select(*[F.col(column.name).cast(column.dataType).alias(column.name) for column in table.schema])
    options = {"overwriteSchema": "true", "userMetadata": _note("wider types")}
    commented(cast, table).write.format("delta").mode("overwrite").options(**options).save(path)
    return True


def restore_not_null(spark: SparkSession, lake: Lakehouse, table: Table, existing: StructType) -> bool:
    """Make columns NOT NULL again that should be, in a commit that changes no row; whether there were any.

    Overwriting a table's schema by Spark makes all columns nullable, and no ALTER TABLE takes that back. Raises
    TableError for rows with nulls there.
    """
    lost = [field.name for field in table.schema if not field.nullable and existing[field.name].nullable]
    if not lost or table.append_only:
        return False
    path, nulls = lake.path(table), " OR ".join(f"{identifier(name)} IS NULL" for name in lost)
    if not spark.read.format("delta").load(path).filter(nulls).isEmpty():
        raise TableError(
            f"{table.sql_name} at {path} has rows without {' or '.join(lost)}", todo=build_again(table.layer)
        )
    require_leases()
    no_rows: list[tuple[str, str, list[str]]] = [(lost[0], "in", [])]
    lake.delta(table).create_write_transaction(
        [],
        "overwrite",
        delta_schema(table),
        partition_filters=no_rows,
        commit_properties=CommitProperties(custom_metadata={"userMetadata": _note("columns as declared")}),
    )
    return True


def _note(change: str) -> str:
    """What marks a commit as the lakehouse's own."""
    return json.dumps({"lakehouse": change})


def _additions(existing: StructType, wanted: StructType, prefix: str = "") -> dict[str, str]:
    """The nullable additions of `wanted` to `existing`: names, with types and comments for ADD COLUMNS."""
    added: dict[str, str] = {}
    for field in wanted:
        path = f"{prefix}`{field.name}`"
        if field.name not in existing.names:
            added |= {path: _declared(field)} if field.nullable else {}
            continue
        held, inner = existing[field.name].dataType, field.dataType
        if isinstance(held, ArrayType) and isinstance(inner, ArrayType):
            path, held, inner = f"{path}.element", held.elementType, inner.elementType
        if isinstance(held, StructType) and isinstance(inner, StructType):
            added |= _additions(held, inner, f"{path}.")
    return added


def _wider(existing: StructType, wanted: StructType) -> StructType:
    """The existing columns, each with the type of `wanted` if that one holds every value of its own."""
    kinds = {field.name: field.dataType for field in wanted}
    return StructType([_wider_field(field, kinds.get(field.name, field.dataType)) for field in existing])


def _wider_field(field: StructField, wanted: DataType) -> StructField:
    if not isinstance(wanted, _WIDER.get(type(field.dataType), ())):
        return field
    return StructField(field.name, wanted, field.nullable, field.metadata)


def _declared(field: StructField) -> str:
    comment = comment_of(field)
    return field.dataType.simpleString() + (f" COMMENT {text_literal(comment)}" if comment else "")
