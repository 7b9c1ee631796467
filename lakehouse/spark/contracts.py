"""Compare columns with a table's declaration: names and types, without comments and nullability."""

from pyspark.sql import DataFrame
from pyspark.sql.types import ArrayType, DataType, MapType, StructType

from lakehouse.errors import TableError
from lakehouse.tables import Table


def conform(rows: DataFrame, table: Table) -> DataFrame:
    """The rows in the contract's order of columns. Raises TableError listing every difference."""
    require_schema(rows.schema, table, what=f"rows for {table.sql_name}")
    return rows.select(*table.columns)


def require_schema(got: StructType, table: Table, *, what: str) -> None:
    """Raise TableError listing every difference from the table's contract."""
    found = differences(got, table)
    if found:
        todo = f"the contract is in lakehouse/tables/{table.layer}.py"
        raise TableError(f"{what}: {'; '.join(found)}", todo=todo)


def differences(got: StructType, table: Table) -> list[str]:
    """Each difference from the table's contract, in words."""
    existing = {field.name: _shape(field.dataType) for field in got}
    wanted = {field.name: _shape(field.dataType) for field in table.schema}
    found = [f"no column {name}" for name in wanted if name not in existing]
    found += [f"unexpected column {name}" for name in existing if name not in wanted]
    found += [
        f"column {name} is {existing[name]} instead of {wanted[name]}"
        for name in wanted
        if name in existing and existing[name] != wanted[name]
    ]
    return found


def _shape(kind: DataType) -> str:
    """The type without nullability, which Spark infers and Delta enforces."""
    if isinstance(kind, ArrayType):
        return f"array<{_shape(kind.elementType)}>"
    if isinstance(kind, MapType):
        return f"map<{_shape(kind.keyType)},{_shape(kind.valueType)}>"
    if isinstance(kind, StructType):
        return "struct<" + ",".join(f"{field.name}:{_shape(field.dataType)}" for field in kind) + ">"
    return kind.simpleString()
