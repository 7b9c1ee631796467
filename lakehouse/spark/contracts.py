"""Compare columns with a table's declaration: names and types, without comments and nullability."""

from pyspark.sql import DataFrame
from pyspark.sql.types import ArrayType, DataType, MapType, StructField, StructType

from lakehouse.errors import TableError
from lakehouse.spark.sql import text_literal
from lakehouse.tables import Table
from lakehouse.tables.declaration import comment_of


def conform(rows: DataFrame, table: Table) -> DataFrame:
    """The rows in the contract's order of columns. Raises TableError listing every difference."""
    require_schema(rows.schema, table, what=f"rows for {table.sql_name}")
    return rows.select(*table.columns)


def require_schema(got: StructType, table: Table, *, what: str) -> None:
    """Raise TableError listing every difference from the table's contract."""
    existing = {field.name: _shape(field.dataType) for field in got}
    wanted = {field.name: _shape(field.dataType) for field in table.schema}
    differences = [f"no column {name}" for name in wanted if name not in existing]
    differences += [f"unexpected column {name}" for name in existing if name not in wanted]
    differences += [
        f"column {name} is {existing[name]} instead of {wanted[name]}"
        for name in wanted
        if name in existing and existing[name] != wanted[name]
    ]
    if differences:
        todo = f"the contract is in lakehouse/tables/{table.layer}.py"
        raise TableError(f"{what}: {'; '.join(differences)}", todo=todo)


def additions(existing: StructType, wanted: StructType, prefix: str = "") -> dict[str, str]:
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
            added |= additions(held, inner, f"{path}.")
    return added


def _declared(field: StructField) -> str:
    comment = comment_of(field)
    return field.dataType.simpleString() + (f" COMMENT {text_literal(comment)}" if comment else "")


def _shape(kind: DataType) -> str:
    """The type without nullability, which Spark infers and Delta enforces."""
    if isinstance(kind, ArrayType):
        return f"array<{_shape(kind.elementType)}>"
    if isinstance(kind, MapType):
        return f"map<{_shape(kind.keyType)},{_shape(kind.valueType)}>"
    if isinstance(kind, StructType):
        return "struct<" + ",".join(f"{field.name}:{_shape(field.dataType)}" for field in kind) + ">"
    return kind.simpleString()
