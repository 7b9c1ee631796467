"""The tables of a lakehouse as the shell names, completes and describes them, read without Spark."""

import json
from typing import Any

from deltalake.exceptions import DeltaError
from pyspark.sql.types import StructType

from lakehouse.errors import InputError, first_line
from lakehouse.lakehouse import Lakehouse
from lakehouse.tables import CATALOGUE, Table, find_table
from operations.shell.results import QueryResult


class KnownTables:
    """The tables that exist under this root."""

    def __init__(self, root: str) -> None:
        self._lakehouse = Lakehouse(root)
        self._present: list[Table] | None = None

    def named(self) -> list[Table]:
        """The tables that existed at the last look; all that may exist, if none does or nobody can tell."""
        if self._present is None:
            try:
                self._look()
            except InputError:
                self._present = []
        return self._present or list(CATALOGUE)

    def listed(self) -> QueryResult:
        """One row per table that exists now: its last version, and when that was written."""
        rows = [[table.sql_name, *self._latest(table)] for table in self._look()]
        return QueryResult(["table", "version", "written_at"], rows, is_cut=False)

    def described(self, name: str) -> QueryResult:
        """One row per column of the table as it is; as it will be, if it does not exist yet."""
        table = find_table(name)
        schema = self._schema(table) if table in self._look() else table.schema
        rows = [
            [field.name, field.dataType.simpleString(), field.nullable, field.name in table.key]
            for field in schema
        ]
        return QueryResult(["column", "type", "nullable", "key"], rows, is_cut=False)

    def _look(self) -> list[Table]:
        try:
            self._present = [table for table in CATALOGUE if self._lakehouse.exists(table)]
        except (DeltaError, OSError, ValueError) as error:
            todo = "Spark may reach it: SHOW TABLES IN silver; DESCRIBE silver.users;"
            raise InputError(f"{self._lakehouse.root}: {first_line(error)}", todo=todo) from error
        return self._present

    def _latest(self, table: Table) -> list[Any]:
        commit = self._lakehouse.history(table, limit=1)[0]
        return [commit.version, commit.written_at and commit.written_at.replace(microsecond=0)]

    def _schema(self, table: Table) -> StructType:
        return StructType.fromJson(json.loads(self._lakehouse.delta(table).schema().to_json()))
