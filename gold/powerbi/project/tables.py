"""The tables that are exported to Power BI, declared once each: all columns come from the contract."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
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
from lakehouse.tables import CATALOGUE, Table

# In files and in Power BI an array becomes one text, its items joined by this.
SEPARATOR = "; "

_ORIGIN = ("kafka_timestamp", "topic", "partition", "offset")

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


class Key(NamedTuple):
    """A column that only the model has: column `id` as rewritten by the query `ToKey`.

    Power BI compares ids without case; relationships join on keys, and counts count keys.
    """

    name: str
    id: str


@dataclass(frozen=True)
class Exported:
    """One table of the export. `row` says what one row is; `omitted` are columns that are not exported.

    Maps and binary columns are never exported: no reader of a CSV file could use them.
    """

    name: str
    source: Table
    row: str
    omitted: tuple[str, ...] = field(default=())
    keys: tuple[Key, ...] = field(default=())

    @property
    def columns(self) -> tuple[Column, ...]:
        """The columns. Raises TableError for a type without a CSV form, so that new columns need a decision."""
        found = []
        for declared in self.source.schema:
            if declared.name not in self.omitted and not isinstance(declared.dataType, (MapType, BinaryType)):
                found.append(_column(self.source, declared.name, declared.dataType))
        return tuple(found)

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(column.name for column in self.columns)


class _Declared(NamedTuple):
    """`source` is a SQL name; if the catalogue does not have it (yet), it is left out with its visuals."""

    name: str
    source: str
    row: str
    omitted: tuple[str, ...] = ()
    keys: tuple[Key, ...] = ()


_USER, _CONTENT = Key("user_key", "user_id"), Key("content_key", "content_id")
_DECLARED = (
    _Declared(
        "recommendations",
        "gold.recommendations",
        "one recommended title of one user; rank 1 is the best",
        keys=(_USER, _CONTENT),
    ),
    _Declared("users", "silver.users", "one user, latest state", _ORIGIN, (_USER._replace(id="id"),)),
    _Declared(
        "content", "silver.content", "one movie or series, latest state", _ORIGIN, (_CONTENT._replace(id="id"),)
    ),
    _Declared(
        "popularity", "gold.content_popularity", "one title on one day (UTC) with feedback", keys=(_CONTENT,)
    ),
    _Declared("model_quality", "gold.model_metrics", "one metric of one model beside its baseline"),
    _Declared("data_quality", "quality.results", "one expectation checked on one version of a table", ("shares",)),
    _Declared("batches", "silver.batches", "one micro-batch of silver and what became of its rows", ("records",)),
    _Declared(
        "rejected_records",
        "silver.quarantine",
        "one record that broke a rule of silver, with all the rules it broke",
        ("key", "value"),
    ),
)


def exported_tables(catalogue: Iterable[Table] = CATALOGUE) -> tuple[Exported, ...]:
    """The exported tables of this catalogue, in the order of their declaration."""
    known = {table.sql_name: table for table in catalogue}
    return tuple(
        Exported(declared.name, known[declared.source], declared.row, declared.omitted, declared.keys)
        for declared in _DECLARED
        if declared.source in known
    )


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
        todo="omit it, or say how it is written, in gold/powerbi/project/tables.py",
    )
