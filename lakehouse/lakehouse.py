"""A lakehouse without Spark: its tables as Arrow, their versions and history, read by delta-rs in this process."""

import json
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cached_property
from typing import Any

import pyarrow as pa
from deltalake import CommitProperties, DeltaTable, QueryBuilder
from deltalake.exceptions import CommitFailedError, DeltaError, TableNotFoundError
from deltalake.table import TableMerger

from lakehouse.arrow import as_arrow, delta_schema, plain_strings
from lakehouse.durability import commits_synced, sync_commits
from lakehouse.errors import InputError, TableError, first_line
from lakehouse.folders import Folder, open_folder
from lakehouse.history.log import Commit, commit_times, read_commit, table_log, versions
from lakehouse.leases import require_leases
from lakehouse.locks import RunningError
from lakehouse.paths import is_address
from lakehouse.root_version import record_version, require_known_version
from lakehouse.sql import quoted
from lakehouse.stores import delta_options, store_address
from lakehouse.tables import Table, find_table
from lakehouse.tables.declaration import checks_in

_NO_COLUMN = "No field named"
# What delta-rs says of a table feature that it does not know.
_UNSUPPORTED = re.compile(
    r"(?:Unsupported table features required: \[([^\]]*)\]|Feature '([^']*)' is not supported)"
)


class Lakehouse:
    """The tables below one root, by name (`silver.users`) or declaration. Nothing here starts a JVM.

    A root in a store (`s3a://bucket/lakehouse`) is reached with the credentials of the environment
    (AWS_ACCESS_KEY_ID and the other variables that Amazon's own tools read) or with the machine's role.
    """

    def __init__(self, root: str | os.PathLike[str]) -> None:
        self.root = os.fspath(root)
        self._is_known = False

    def __repr__(self) -> str:
        return f"Lakehouse({self.root!r})"

    @cached_property
    def folder(self) -> Folder:
        """The root's files. Raises InputError if pyarrow has no client for its store."""
        return open_folder(self.root)

    def path(self, table: Table | str) -> str:
        """Where the table is, or would be."""
        return declaration(table).path(self.root)

    def exists(self, table: Table | str) -> bool:
        return DeltaTable.is_deltatable(self._address(table), delta_options(self.root))

    def delta(self, table: Table | str, version: int | None = None) -> DeltaTable:
        """The table at that version, or at its latest, for delta-rs.

        Raises TableError if there is none, or if it belongs to a later version of the lakehouse.
        """
        if not self._is_known:
            require_known_version(self.root)
            self._is_known = True
        try:
            return DeltaTable(self._address(table), version=version, storage_options=delta_options(self.root))
        except DeltaError as error:
            if version is not None and self.versions(table):
                self.require_versions(table, version)
            if isinstance(error, TableNotFoundError):
                raise declaration(table).missing(self.root) from error
            _require_supported(error, declaration(table).sql_name)
            raise

    def version(self, table: Table | str) -> int:
        """The number of the table's last commit. Raises TableError if there is no such table."""
        known = self.versions(table)
        if not known:
            raise declaration(table).missing(self.root)
        return known[-1]

    def versions(self, table: Table | str) -> list[int]:
        """The versions whose commits are still in the log, oldest first; empty if there is no table."""
        return versions(table_log(self.folder, declaration(table)))

    def require_versions(self, table: Table | str, *wanted: int) -> None:
        """Raise TableError if there is no such table, or for the first of these versions that it does not have."""
        known, declared = self.versions(table), declaration(table)
        if not known:
            raise declared.missing(self.root)
        for version in wanted:
            if version not in known:
                raise TableError(
                    f"{declared.sql_name} has no version {version}", todo=self._has(declared, version, known)
                )

    def _has(self, table: Table, version: int, known: Sequence[int]) -> str:
        """The versions that exist, and since when if an older one was requested."""
        has = f"it has {known[0]} to {known[-1]}"
        if version < known[0]:
            since = commit_times(table_log(self.folder, table))[known[0]]
            has += f", kept since {since:%Y-%m-%d %H:%M:%S} UTC"
        return f"{has}: lakehouse history {table.sql_name}"

    def history(self, table: Table | str, *, limit: int | None = None) -> list[Commit]:
        """The table's commits, newest first. Raises TableError if there is no such table."""
        self.require(table)
        log = table_log(self.folder, declaration(table))
        return [read_commit(log, version) for version in versions(log)[::-1][:limit]]

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
        return select(self.delta(table, version), columns=columns, where=where)

    def query(self, sql: str, **tables: Table | str | tuple[Table | str, int | None] | DeltaTable) -> pa.Table:
        """The result of a SELECT in DataFusion's SQL.

        Each table is given by a name, with a version if wanted, or as `delta` opened it: then several queries read
        its log once.
        """
        return _execute(sql, {name: self._opened(table) for name, table in tables.items()})

    def batches(self, sql: str, **tables: Table | str | DeltaTable) -> Iterator[pa.Table]:
        """The result of a SELECT in parts, for one that may not fit into memory."""
        stream = _started(sql, {name: self._opened(table) for name, table in tables.items()})
        for batch in pa.RecordBatchReader.from_stream(stream):
            yield plain_strings(pa.Table.from_batches([batch]))

    def _opened(self, table: Table | str | tuple[Table | str, int | None] | DeltaTable) -> DeltaTable:
        if isinstance(table, DeltaTable):
            return table
        return self.delta(*table) if isinstance(table, tuple) else self.delta(table)

    def overwrite(self, table: Table | str, rows: pa.Table, *, input_versions: Mapping[str, int]) -> None:
        """Replace the table's rows in one commit, which also records the versions of the tables they come from.

        A table that does not exist is created with its contract. Raises RunningError if another process changes
        the table meanwhile.
        """
        delta = self._ensured(table)
        merge = unmatched(delta, rows, _noting(input_versions))
        with commits_synced(delta), _alone(table):
            merge.when_not_matched_insert_all().when_not_matched_by_source_delete().execute()

    def append(
        self, table: Table | str, rows: pa.Table, *, input_versions: Mapping[str, int] | None = None
    ) -> None:
        """Add rows to the table in one commit, which may record the versions of the tables they come from.

        A table that does not exist is created with its contract.
        """
        delta = self._ensured(table)
        with commits_synced(delta), _alone(table):
            append(delta, rows, None if input_versions is None else _noting(input_versions))

    def require(self, *tables: Table | str) -> None:
        """Raise TableError for the first of the tables that does not exist."""
        for table in tables:
            if not self.exists(table):
                raise declaration(table).missing(self.root)

    def _ensured(self, table: Table | str) -> DeltaTable:
        """The table, created if there is none. It gets the columns and constraints that it lacks."""
        record_version(self.root)
        declared = declaration(table)
        schema = delta_schema(declared)
        is_new = not self.exists(declared)
        if is_new:
            DeltaTable.create(
                self._address(declared),
                schema,
                mode="ignore",  # another process may be creating it
                description=declared.row or None,
                configuration=declared.own_properties,
                storage_options=delta_options(self.root),
            )
        opened = self.delta(declared)
        before = -1 if is_new else opened.version()
        names = {field.name for field in opened.schema().fields}
        added = [field for field in schema.fields if field.name not in names]
        if added:  # delta-rs would drop their values without a word
            opened.alter.add_columns(added)
        held = checks_in(opened.metadata().configuration)
        for name, condition in declared.checks.items():  # delta-rs enforces no constraint that is a mere property
            if name not in held:
                opened.alter.add_constraint({name: condition})
        sync_commits({self.path(declared): range(before + 1, opened.version() + 1)})
        return opened

    def _address(self, table: Table | str) -> str:
        path = self.path(table)
        return store_address(path) if is_address(path) else path


def append(delta: DeltaTable, rows: pa.Table, properties: CommitProperties | None = None) -> None:
    """Add rows to an opened table in one commit."""
    unmatched(delta, rows, properties).when_not_matched_insert_all().execute()


def delete(delta: DeltaTable, condition: str, properties: CommitProperties | None = None) -> None:
    """Delete the rows of an opened table that meet the condition, in one commit.

    As a merge, for the reason that `unmatched` gives. Raises LeaseLostError, or CommitFailedError if another
    writer has taken away one of the files meanwhile.
    """
    require_leases()
    one = pa.table({"matched": [True]})
    merge = delta.merge(one, condition, source_alias="new", target_alias="old", commit_properties=properties)
    merge.when_matched_delete().execute()


def unmatched(delta: DeltaTable, rows: pa.Table, properties: CommitProperties | None = None) -> TableMerger:
    """A merge in which no row matches; it reads no file of the table.

    delta-rs' own append takes a third of the time, but panics below a folder with one of `[ ] ^ |` in its path.
    Raises LeaseLostError if a lease of this process has run out.
    """
    require_leases()
    return delta.merge(
        rows, "false", source_alias="new", target_alias="old", commit_properties=properties, streamed_exec=False
    )


def _noting(input_versions: Mapping[str, int]) -> CommitProperties:
    note = json.dumps({"inputs": dict(sorted(input_versions.items()))})
    return CommitProperties(custom_metadata={"userMetadata": note})


def select(delta: DeltaTable, *, columns: Sequence[str] | None = None, where: str | None = None) -> pa.Table:
    """The rows of an opened table, as `Lakehouse.read` returns them."""
    selected = "*" if columns is None else ", ".join(map(quoted, columns))
    condition = f" WHERE {where}" if where else ""
    return _execute(f"SELECT {selected} FROM rows{condition}", {"rows": delta})  # noqa: S608


def _started(sql: str, tables: Mapping[str, DeltaTable]) -> Any:
    engine = QueryBuilder()
    for name, delta in tables.items():
        engine.register(name, delta)
    return engine.execute(sql)


def _execute(sql: str, tables: Mapping[str, DeltaTable]) -> pa.Table:
    try:
        return plain_strings(as_arrow(_started(sql, tables)))
    except DeltaError as error:
        text = str(error)
        if _NO_COLUMN in text:
            raise InputError(" ".join(text.split())) from error
        if "SQL error" in text or "ParserError" in text:
            raise InputError(f"not SQL: {first_line(error)}") from error
        _require_supported(error, " or ".join(delta.table_uri for delta in tables.values()))
        raise


@contextmanager
def _alone(table: Table | str) -> Iterator[None]:
    """Raise RunningError in place of delta-rs' error about another writer's commit."""
    try:
        yield
    except CommitFailedError as error:
        raise RunningError(
            f"another process has changed {declaration(table).sql_name} meanwhile, so this change was not written",
            todo="do it again once that process has ended",
        ) from error


def _require_supported(error: DeltaError, table: str) -> None:
    """Raise TableError if the table has a feature that Spark knows and delta-rs lacks: then this error says so."""
    lacking = _UNSUPPORTED.search(str(error))
    if lacking is not None:
        feature = lacking[1] or lacking[2]
        raise TableError(
            f"{table} has the Delta table feature {feature}, which this command cannot read without Spark",
            todo="lakehouse sql reads it; ALTER TABLE ... DROP FEATURE takes the feature away",
        ) from error


def declaration(table: Table | str) -> Table:
    """The table of this name. Raises TableError naming the closest one."""
    return table if isinstance(table, Table) else find_table(table)
