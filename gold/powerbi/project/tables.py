"""The tables that are exported to Power BI, and the form that each column has there."""

from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import NamedTuple

from pyspark.sql.types import (
    ArrayType,
    BinaryType,
    BooleanType,
    DataType,
    DateType,
    DoubleType,
    IntegerType,
    LongType,
    MapType,
    StringType,
    StructType,
    TimestampType,
)

from lakehouse.errors import TableError
from lakehouse.tables import CATALOGUE, PowerBiKey, Table

# In files and in Power BI an array becomes one text, its items joined by this.
SEPARATOR = "; "

_KINDS: Mapping[type[DataType], str] = MappingProxyType(
    {
        StringType: "text",
        IntegerType: "whole",
        LongType: "whole",
        DoubleType: "number",
        BooleanType: "truth",
        DateType: "date",
        TimestampType: "moment",
    }
)


class Column(NamedTuple):
    """One exported column. `kind`: text, texts (an array, joined), whole, number, truth, date or moment (UTC).

    For an array of structs, `item` is the field that represents each item.
    """

    name: str
    kind: str
    item: str = ""


class Exported(NamedTuple):
    """One table of the export. Its name there, what it leaves out and its keys are part of its declaration.

    Maps and binary columns are never exported: no reader of a CSV file could use them.
    """

    source: Table
    name: str
    omitted: tuple[str, ...]
    keys: tuple[PowerBiKey, ...]

    @property
    def columns(self) -> tuple[Column, ...]:
        """The columns. Raises TableError for a type without a CSV form, so that new columns need a decision."""
        return tuple(
            _column(self.source, declared.name, declared.dataType)
            for declared in self.source.schema
            if declared.name not in self.omitted and not isinstance(declared.dataType, (MapType, BinaryType))
        )

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(column.name for column in self.columns)


def exported_tables(catalogue: Iterable[Table] = CATALOGUE) -> tuple[Exported, ...]:
    """The tables of this catalogue whose declaration exports them; visuals of the others are left out."""
    return tuple(Exported(table, *table.export) for table in catalogue if table.export is not None)


def _column(table: Table, name: str, kind: DataType) -> Column:
    if isinstance(kind, ArrayType):
        item = kind.elementType
        if isinstance(item, StringType):
            return Column(name, "texts")
        if isinstance(item, StructType) and isinstance(item[0].dataType, StringType):
            return Column(name, "texts", item[0].name)
    elif type(kind) in _KINDS:
        return Column(name, _KINDS[type(kind)])
    raise TableError(
        f"column {name} of {table.sql_name} is {kind.simpleString()}, which the export cannot write",
        todo="omit it in the table's declaration, or say how it is written, in gold/powerbi/project/tables.py",
    )
