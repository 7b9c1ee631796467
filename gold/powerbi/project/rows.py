"""The rows of the exported tables: flat, in order, times as text."""

from collections.abc import Iterator
from typing import Any

from gold.powerbi.project.tables import SEPARATOR, Column, Exported
from lakehouse.lakehouse import Lakehouse
from lakehouse.sql import quoted


def flat_rows(lakehouse: Lakehouse, table: Exported, *, version: int) -> Iterator[tuple[object, ...]]:
    """One row per row of that version, in key order, with arrays joined and times (ISO 8601, UTC) as text."""
    selected, order = (", ".join(map(quoted, names)) for names in (table.names, table.source.key))
    rows = lakehouse.query(f"SELECT {selected} FROM rows ORDER BY {order}", rows=(table.source, version))  # noqa: S608
    for batch in rows.to_batches():
        yield from zip(*map(_written, table.columns, batch.columns), strict=True)


def _written(column: Column, values: Any) -> list[object]:
    return [None if value is None else _flat(column, value) for value in values.to_pylist()]


def _flat(column: Column, value: Any) -> object:
    if column.kind == "texts":
        items = [item[column.item] for item in value] if column.item else value
        return SEPARATOR.join(item for item in items if item is not None)
    if column.kind == "moment":
        return value.replace(tzinfo=None).isoformat(timespec="microseconds")
    return value.isoformat() if column.kind == "date" else value
