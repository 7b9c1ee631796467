"""The rows that a suite is run on: a pandas DataFrame of a small table, or a Spark DataFrame of a large one."""

from collections.abc import Mapping
from typing import Any, NamedTuple, TypeAlias

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
from pyspark.sql import DataFrame
from pyspark.sql import functions as F
from pyspark.sql.pandas.types import from_arrow_schema

Rows: TypeAlias = pd.DataFrame | DataFrame

# Without these, pandas makes floats of integers with a null among them, and takes NaN for null.
_NUMBERS = {pa.int32(): pd.Int32Dtype(), pa.int64(): pd.Int64Dtype(), pa.float64(): pd.Float64Dtype()}


def _type_in_pandas(kind: pa.DataType) -> Any:
    """Arrays, maps and structs stay Arrow: Great Expectations pickles each batch, Python objects slowly."""
    return pd.ArrowDtype(kind) if pa.types.is_nested(kind) else _NUMBERS.get(kind)


_TYPES = "delta_types"


class Profile(NamedTuple):
    """The number of rows, and of each column's values that are not null."""

    rows: int
    values: Mapping[str, int]


def pandas_rows(table: pa.Table) -> pd.DataFrame:
    """The table as pandas, which keeps what the columns' types were."""
    rows = table.to_pandas(types_mapper=_type_in_pandas).astype(_plain_numbers(table))
    rows.attrs[_TYPES] = {
        field.name: field.dataType.simpleString()
        for field in from_arrow_schema(table.schema, prefer_timestamp_ntz=False)
    }
    return rows


def _plain_numbers(table: pa.Table) -> dict[str, type]:
    """The columns of numbers without a null or NaN: of NumPy's own types, for which GX has no loop over values."""
    return {
        name: float if pa.types.is_floating(column.type) else int
        for name, column in zip(table.column_names, table.columns, strict=True)
        if column.type in _NUMBERS and pc.all(pc.is_valid(column)).as_py() and not _has_nan(column)
    }


def _has_nan(column: pa.ChunkedArray) -> bool:
    return pa.types.is_floating(column.type) and bool(pc.any(pc.is_nan(column)).as_py())


def delta_types(rows: Rows) -> dict[str, str]:
    """The columns' types as Delta writes them; for any other pandas DataFrame, what Arrow takes it for."""
    if isinstance(rows, DataFrame):
        return {field.name: field.dataType.simpleString() for field in rows.schema}
    known: Any = rows.attrs.get(_TYPES)
    types = known or delta_types(pandas_rows(pa.Table.from_pandas(rows, preserve_index=False)))
    return {str(name): str(types[name]) for name in rows.columns}


def profile(rows: Rows) -> Profile:
    """On Spark, one query, which also fills the cache of persisted rows."""
    if isinstance(rows, DataFrame):
        counts = [F.count(F.col(f"`{name}`")).alias(f"n{place}") for place, name in enumerate(rows.columns)]
        counted = rows.agg(F.count("*").alias("rows"), *counts).collect()[0]
        return Profile(counted["rows"], {name: counted[f"n{place}"] for place, name in enumerate(rows.columns)})
    return Profile(len(rows), {str(name): int(count) for name, count in rows.count().items()})
