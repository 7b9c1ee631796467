"""The tables of bronze and silver at fixed versions, so that all counts of an audit speak of the same rows."""

from collections.abc import Iterable, Mapping
from urllib.parse import unquote

import pyarrow as pa
import pyarrow.parquet as pq
from deltalake import DeltaTable

from lakehouse.errors import first_line
from lakehouse.folders import open_folder
from lakehouse.lakehouse import Lakehouse
from lakehouse.tables import Table, layer_tables


class Pinned:
    """Every table of bronze and silver that exists, at the version that it had when this was made."""

    def __init__(self, lake: Lakehouse) -> None:
        self._lake = lake
        # silver first: bronze then holds every record that silver has read
        tables = (*layer_tables("silver"), *layer_tables("bronze"))
        self._opened = {sql_name(table): lake.delta(table) for table in tables if lake.exists(table)}

    def __contains__(self, table: Table) -> bool:
        return sql_name(table) in self._opened

    def versions(self) -> dict[str, int]:
        return {name: opened.version() for name, opened in self._opened.items()}

    def is_current(self) -> bool:
        """Whether no table has had a commit since."""
        return Pinned(self._lake).versions() == self.versions()

    def opened(self, table: Table) -> DeltaTable | None:
        """The table for delta-rs; None if it does not exist."""
        return self._opened.get(sql_name(table))

    def properties(self, table: Table) -> Mapping[str, str]:
        """The table's properties; empty if it does not exist."""
        return self._opened[sql_name(table)].metadata().configuration if table in self else {}

    def query(self, sql: str) -> pa.Table:
        """The result of a SELECT, which names tables as `silver_users`."""
        try:
            return self._lake.query(sql, **self._opened)
        except pa.ArrowInvalid:
            damaged = self._undecodable()  # the error itself names no file
            if not damaged:
                raise
            raise ValueError(damaged) from None

    def union(self, tables: Iterable[Table], columns: str, *, where: str = "true") -> str:
        """The SELECT of these columns from those of the tables that exist, "" if none does."""
        names = [sql_name(table) for table in tables if table in self]
        return " UNION ALL ".join(f"SELECT {columns} FROM {name} WHERE {where}" for name in names)  # noqa: S608

    def count(self, *tables: Table) -> int:
        """The number of rows of all the tables. Raises TableError if one does not exist."""
        self._lake.require(*tables)
        rows = self.query(f"SELECT count(*) AS rows FROM ({self.union(tables, '1')})")  # noqa: S608
        return int(rows["rows"][0].as_py())

    def _undecodable(self) -> str:
        """The first data file that cannot be decoded, and why; "" if all can."""
        system = open_folder(self._lake.root).system
        for opened in self._opened.values():
            for address in map(unquote, opened.file_uris()):
                try:
                    with system.open_input_file(address.partition("://")[2] or address) as file:
                        for _ in pq.ParquetFile(file).iter_batches():
                            pass
                except (pa.ArrowException, OSError) as fault:
                    return f"{address}: {first_line(fault)}"
        return ""


def sql_name(table: Table) -> str:
    """The table's name in a query, where a dot would be the end of a schema's name."""
    return f"{table.layer}_{table.name}"
