"""Schemas and results of delta-rs as Arrow."""

from typing import Any

import pyarrow as pa
from deltalake import Schema

from lakehouse.tables import Table


def arrow_schema(table: Table) -> pa.Schema:
    """The columns as delta-rs reads and writes them."""
    return pa.schema(delta_schema(table))


def delta_schema(table: Table) -> Schema:
    return Schema.from_json(table.schema.json())


def as_arrow(stream: Any) -> pa.Table:
    """What delta-rs returns, as pyarrow's table. `pyarrow.table` would import pandas, a third of a second."""
    return pa.RecordBatchReader.from_stream(stream).read_all()


def plain_strings(rows: pa.Table) -> pa.Table:
    """The rows with Arrow's usual string type in place of views, which some readers do not know."""
    return rows.cast(pa.schema([field.with_type(_plain(field.type)) for field in rows.schema]))


def _plain(kind: pa.DataType) -> pa.DataType:
    if pa.types.is_string_view(kind):
        return pa.string()
    if pa.types.is_binary_view(kind):
        return pa.binary()
    if pa.types.is_list(kind):
        return pa.list_(kind.value_field.with_type(_plain(kind.value_type)))
    if pa.types.is_struct(kind):
        return pa.struct([field.with_type(_plain(field.type)) for field in kind])
    if pa.types.is_map(kind):
        return pa.map_(_plain(kind.key_type), _plain(kind.item_type))
    return kind
