"""A lakehouse without Spark: its tables as Arrow, their versions and history, read by delta-rs in this process."""

import os
from collections.abc import Collection, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, NamedTuple

import pyarrow as pa
from deltalake import DeltaTable, QueryBuilder
from deltalake.exceptions import DeltaError, TableNotFoundError

from lakehouse.errors import InputError, TableError, first_line
from lakehouse.history.delta_log import noted
from lakehouse.tables import Table, find_table

_NO_COLUMN = "No field named"


class Commit(NamedTuple):
    """One version of a table: its operation, the operation's parameters and metrics, its writer's metadata."""

    version: int
    written_at: datetime | None
    operation: str
    parameters: Mapping[str, Any]
    metrics: Mapping[str, Any]
    user_metadata: Mapping[str, Any]


class Lakehouse:
    """The tables below one root, by name (`silver.users`) or declaration. Nothing here starts a JVM.

    A root in a store (`s3a://bucket/lakehouse`) is reached with the credentials of the environment
    (AWS_ACCESS_KEY_ID and the other variables that Amazon's own tools read) or with the machine's role.
    """

    def __init__(self, root: str | os.PathLike[str]) -> None:
        self.root = os.fspath(root)

    def __repr__(self) -> str:
        return f"Lakehouse({self.root!r})"

    def path(self, table: Table | str) -> str:
        """Where the table is, or would be."""
        found = declaration(table)
        return f"{self.root}/{found.layer}/{found.name}"

    def exists(self, table: Table | str) -> bool:
        return DeltaTable.is_deltatable(self._address(table), _storage_options(self.root))

    def delta(self, table: Table | str, version: int | None = None) -> DeltaTable:
        """The table at that version, or at its latest, for delta-rs. Raises TableError if there is none."""
        try:
            return DeltaTable(self._address(table), version=version, storage_options=_storage_options(self.root))
        except TableNotFoundError as error:
            raise self._missing(table) from error
        except DeltaError as error:
            if version is None:
                raise
            known = self.versions(table)
            if version in known:
                raise
            raise TableError(
                f"no version {version} of {declaration(table).sql_name}",
                todo=f"its log has {known[0]} to {known[-1]}",
            ) from error

    def version(self, table: Table | str) -> int:
        """The number of the table's last commit."""
        return self.delta(table).version()

    def versions(self, table: Table | str) -> range:
        """The versions whose commits are still in the log."""
        history = self.delta(table).history()
        return range(history[-1]["version"], history[0]["version"] + 1)

    def history(self, table: Table | str, *, version: int | None = None, limit: int | None = None) -> list[Commit]:
        """The table's commits, newest first, from that version or the latest on."""
        return [_commit(entry) for entry in self.delta(table, version).history(limit)]

    def read(
        self,
        table: Table | str,
        *,
        version: int | None = None,
        columns: Sequence[str] | None = None,
        where: str | None = None,
    ) -> pa.Table:
        """The table's rows at that version, or at its latest; `where` is a condition in SQL.

        For pandas `.to_pandas()`, for polars `polars.from_arrow(...)`. Raises TableError if there is no such table
        or version, InputError if it has no such column or the condition is not SQL.
        """
        selected = "*" if columns is None else ", ".join(map(quoted, columns))
        condition = f" WHERE {where}" if where else ""
        return self.query(f"SELECT {selected} FROM rows{condition}", rows=(table, version))  # noqa: S608

    def query(self, sql: str, **tables: Table | str | tuple[Table | str, int | None]) -> pa.Table:
        """The result of a SELECT in DataFusion's SQL. Each table is given by a name, with a version if wanted."""
        engine = QueryBuilder()
        for name, table in tables.items():
            wanted, version = table if isinstance(table, tuple) else (table, None)
            engine.register(name, self.delta(wanted, version))
        try:
            return plain_strings(pa.table(engine.execute(sql)))
        except DeltaError as error:
            text = str(error)
            if _NO_COLUMN in text:
                raise InputError(" ".join(text.split())) from error
            if "SQL error" in text or "ParserError" in text:
                raise InputError(f"not SQL: {first_line(error)}") from error
            raise

    def require(self, *tables: Table | str) -> None:
        """Raise TableError for the first of the tables that does not exist."""
        for table in tables:
            if not self.exists(table):
                raise self._missing(table)

    def _address(self, table: Table | str) -> str:
        """delta-rs knows Amazon's scheme by its first name only."""
        path = self.path(table)
        return f"s3://{path.removeprefix('s3a://')}" if path.startswith("s3a://") else path

    def _missing(self, table: Table | str) -> TableError:
        found = declaration(table)
        makes = "lakehouse check" if found.layer == "quality" else f"lakehouse run --select {found.layer}"
        return TableError(
            f"table {found.sql_name} does not exist under {self.root}", todo=f"make it with: {makes}"
        )


def declaration(table: Table | str) -> Table:
    """The table of this name. Raises TableError naming the closest one."""
    return table if isinstance(table, Table) else find_table(table)


def quoted(name: str) -> str:
    """The name of a column or table as SQL takes it literally."""
    return '"' + name.replace('"', '""') + '"'


def text_in(column: str, values: Collection[str]) -> str:
    """The condition that a text column has one of these values."""
    listed = ", ".join("'" + value.replace("'", "''") + "'" for value in values)
    return f"{quoted(column)} IN ({listed})" if values else "false"


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


def _commit(entry: Mapping[str, Any]) -> Commit:
    stamp = entry.get("inCommitTimestamp", entry.get("timestamp"))
    return Commit(
        entry["version"],
        None if stamp is None else datetime.fromtimestamp(stamp / 1000, UTC),
        entry.get("operation", ""),
        entry.get("operationParameters") or {},
        entry.get("operationMetrics") or {},
        noted(entry.get("userMetadata")),
    )


def _storage_options(root: str) -> dict[str, str] | None:
    """What delta-rs does not read from the environment by itself: that an endpoint may be plain HTTP."""
    endpoint = os.environ.get("AWS_ENDPOINT_URL_S3") or os.environ.get("AWS_ENDPOINT_URL")
    if not root.startswith(("s3://", "s3a://")) or not endpoint:
        return None
    return {"AWS_ENDPOINT_URL": endpoint, "AWS_ALLOW_HTTP": str(endpoint.startswith("http://")).lower()}
