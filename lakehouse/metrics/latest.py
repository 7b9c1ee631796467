"""What was read of each table's latest version, cached: scrapes come every few seconds."""

from collections.abc import Callable
from typing import Any, Generic, TypeVar

from lakehouse.lakehouse import Lakehouse
from lakehouse.tables import Table

Found = TypeVar("Found")


class Latest(Generic[Found]):
    """What `reading` returns of the latest version of the table; None while there is no table."""

    def __init__(self, lake: Lakehouse, table: Table, reading: Callable[[Lakehouse, Table], Found]) -> None:
        self._lake, self._table, self._reading = lake, table, reading
        self._version: int | None = None
        self._found: Found | None = None

    def read(self) -> Found | None:
        version = max(self._lake.versions(self._table), default=None)
        if version != self._version:
            self._found = None if version is None else self._reading(self._lake, self._table)
            self._version = version
        return self._found


def latest_rows(lake: Lakehouse, table: Table, sql: str) -> Latest[list[dict[str, Any]]]:
    """The result of a SELECT over the view `rows`, the table's latest version."""
    return Latest(lake, table, lambda lake, table: lake.query(sql, rows=table).to_pylist())
