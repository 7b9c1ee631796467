"""The fields of the wire format, each declared once: the columns of parsed records follow from this table."""

import re
from collections.abc import Callable, Iterable
from types import MappingProxyType
from typing import Any, NamedTuple

from pyspark.sql.types import DataType

from lakehouse.moments import calendar_date, event_time
from lakehouse.tables.declaration import DATE, DOUBLE, INT, STRING, TIMESTAMP

USER, MOVIE, SERIES, FEEDBACK = TYPES = ("user", "movie", "series", "feedback")

# An integer sent as a number or a string; 3.0 is an integer, 2.5 is not.
_INTEGER = re.compile(r"([0-9]+)(?:\.0+)?")
_NUMBER = re.compile(r"[+-]?[0-9]+(\.[0-9]+)?([eE][+-]?[0-9]+)?")
_DECADE = re.compile("([0-9]{3}0)s?")
_LARGEST_INT = 2**31 - 1


def integer(text: str) -> int | None:
    """An INT from digits; None for anything else and for numbers beyond an INT's range."""
    match = _INTEGER.fullmatch(text)
    # skip longer digit strings: Python refuses to convert strings of some thousands of digits
    digits = match[1].lstrip("0") if match else ""
    if not match or len(digits) > len(str(_LARGEST_INT)):
        return None
    number = int(digits or "0")
    return number if number <= _LARGEST_INT else None


def number(text: str) -> float | None:
    return float(text) if _NUMBER.fullmatch(text) else None


def decade(text: str) -> str | None:
    """`1990s` from `1990s` or `1990`; None for anything else."""
    match = _DECADE.fullmatch(text)
    return f"{match[1]}s" if match else None


class Typed(NamedTuple):
    """The column with a field's typed value, or with the typed items of an array. `read` returns None for an
    invalid text; times are microseconds and dates days since 1970."""

    column: str
    kind: DataType
    read: Callable[[str], Any]

    def read_items(self, texts: Iterable[str]) -> list[Any]:
        """The distinct values of an array's items, in their order."""
        return list(dict.fromkeys(map(self.read, texts)))


class Field(NamedTuple):
    """A field of these event types: a single value, or an array of them. `action`: it belongs to that one only."""

    name: str
    types: tuple[str, ...]
    typed: Typed | None = None
    is_array: bool = False
    action: str | None = None


FIELDS = (
    Field("id", TYPES),
    Field("type", TYPES),
    Field("timestamp", TYPES, Typed("event_timestamp", TIMESTAMP, event_time)),
    Field("nombre_usuario", (USER,)),
    Field("fecha_suscripcion", (USER,), Typed("fecha", DATE, calendar_date)),
    Field("clasificacion", (USER, MOVIE, SERIES)),
    Field("titulo", (MOVIE, SERIES)),
    Field("decada_lanzamiento", (MOVIE,), Typed("decada", STRING, decade)),
    Field("numero_temporadas", (SERIES,), Typed("temporadas", INT, integer)),
    Field("numero_episodios", (SERIES,), Typed("episodios", INT, integer)),
    Field("user_id", (FEEDBACK,)),
    Field("content_id", (FEEDBACK,)),
    Field("action", (FEEDBACK,)),
    Field("rating", (FEEDBACK,), Typed("stars", DOUBLE, number), action="rating"),
    Field("seconds_watched", (FEEDBACK,), Typed("seconds", INT, integer), action="view"),
    Field("generos", (USER, MOVIE, SERIES), is_array=True),
    Field("directores", (USER, MOVIE, SERIES), is_array=True),
    Field("actores", (USER, MOVIE, SERIES), is_array=True),
    Field("decadas_favoritas", (USER,), Typed("decadas", STRING, decade), is_array=True),
)
# The columns of an event: each field's own, followed by that of its typed value, and their value if there is none.
EMPTY: MappingProxyType[str, Any] = MappingProxyType(
    {
        column: () if field.is_array else None
        for field in FIELDS
        for column in (field.name, *([field.typed.column] if field.typed is not None else []))
    }
)
# Where a column of silver with a field's name gets its values, if the field has typed ones.
TYPED_COLUMNS: MappingProxyType[str, str] = MappingProxyType(
    {field.name: field.typed.column for field in FIELDS if field.typed is not None}
)
# What every event has, whatever its type.
ENVELOPE = frozenset(field.name for field in FIELDS if field.types == TYPES)


def names_of(event_type: str) -> frozenset[str]:
    return frozenset(field.name for field in FIELDS if event_type in field.types)
