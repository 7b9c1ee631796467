"""A lakehouse in a Spark session: where its tables are, and the only ways to create, read and write them."""

import json
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

from delta.tables import DeltaTable
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql.types import StructType

from lakehouse.errors import TableError
from lakehouse.folders import open_folder
from lakehouse.lakehouse import Lakehouse
from lakehouse.root_version import record_version
from lakehouse.spark import columns, comments, constraints
from lakehouse.spark.contracts import conform, differences
from lakehouse.spark.sql import identifier, setting, text_literal
from lakehouse.tables import CATALOGUE, Table


class TableDetail(NamedTuple):
    """`id` is Delta's own; a table that is deleted and recreated gets another one."""

    id: str
    properties: dict[str, str]
    files: int
    description: str


@dataclass(frozen=True)
class SparkLakehouse:
    """The tables below one root, as DataFrames. `lakehouse.Lakehouse` reads the same tables without Spark."""

    root: str
    spark: SparkSession

    @cached_property
    def in_process(self) -> Lakehouse:
        """The same tables, read without Spark."""
        return Lakehouse(self.root)

    def path(self, table: Table) -> str:
        return table.path(self.root)

    def checkpoint_path(self, stream: str) -> str:
        """The stream's checkpoint folder, e.g. for `bronze/events`."""
        return f"{self.root}/checkpoints/{stream}"

    def exists(self, table: Table) -> bool:
        return bool(DeltaTable.isDeltaTable(self.spark, self.path(table)))

    def require(self, table: Table) -> str:
        """The table's path. Raises TableError if the table does not exist yet."""
        if not self.exists(table):
            raise table.missing(self.root)
        return self.path(table)

    def read(self, table: Table, *, version: int | None = None) -> DataFrame:
        """The table's rows, at `version` if given. Raises TableError if the table does not exist."""
        reader = self.spark.read.format("delta")
        if version is not None:
            reader = reader.option("versionAsOf", version)
        return reader.load(self.require(table))

    def changes(self, table: Table, *, after: int, up_to: int) -> DataFrame:
        """The table's change data feed: what every commit after `after`, up to `up_to`, did to its rows.

        It fails, in part only when it is read, if the feed was off or its files are gone.
        """
        reader = self.spark.read.format("delta").option("readChangeFeed", "true")
        reader = reader.option("startingVersion", after + 1).option("endingVersion", up_to)
        return reader.load(self.require(table))

    def version(self, table: Table) -> int:
        """The number of the last commit, from the name of its file in the log (Delta protocol); no job runs."""
        self.require(table)
        return self.in_process.versions(table)[-1]

    def detail(self, table: Table) -> TableDetail:
        """Read without Spark, whose DESCRIBE DETAIL is a job or two: a stream's start asks for nine tables."""
        opened = self.in_process.delta(table)
        metadata = opened.metadata()
        return TableDetail(
            str(metadata.id), dict(metadata.configuration), len(opened.file_uris()), metadata.description or ""
        )

    def delta_table(self, table: Table) -> DeltaTable:
        return DeltaTable.forPath(self.spark, self.require(table))

    def ensure(self, table: Table, *, properties: Mapping[str, str] | None = None) -> None:
        """Create the table with its whole contract in one commit; an existing one must have the same schema.

        Nullable columns and fields that an earlier version of the contract lacked are added to an existing table
        in one commit, which changes none of its files. Columns whose type has become wider are rewritten in one
        commit, unless the table is append-only. Properties, CHECK constraints and descriptions that are new or
        have changed are set; what only the table has stays. `properties` are set on a new table in addition to its
        contract. Raises TableError if the schema differs otherwise, if rows violate a constraint, or if the folder
        of a new table is not empty.
        """
        if self._create_or_extend(table, properties or {}):
            constraints.add(self.spark, self.path(table), table, self._prepare(table))

    def set_properties(self, table: Table, properties: Mapping[str, str]) -> None:
        """Set these table properties, in one commit."""
        listed = ", ".join(
            f"{text_literal(name)} = {text_literal(properties[name])}" for name in sorted(properties)
        )
        self.spark.sql(f"ALTER TABLE delta.{identifier(self.require(table))} SET TBLPROPERTIES ({listed})")

    def append(self, rows: DataFrame, table: Table, *, note: str | None = None) -> None:
        """Append in one commit, which keeps the writer's note; without a row there is no commit."""
        self._append(rows, table, {} if note is None else {"userMetadata": note})

    def append_once(
        self, rows: DataFrame, table: Table, *, txn_app_id: str, txn_version: int, note: str | None = None
    ) -> None:
        """Append idempotently: a second call with the same application id and version changes nothing.

        There is a commit even without a row. Delta looks the id up in the table's state, in three more Spark jobs.
        """
        transaction = {"txnAppId": txn_app_id, "txnVersion": str(txn_version)}
        self._append(rows, table, transaction if note is None else {**transaction, "userMetadata": note})

    def _append(self, rows: DataFrame, table: Table, options: Mapping[str, str]) -> None:
        conform(rows, table).write.format("delta").mode("append").options(**options).save(self.path(table))

    def overwrite(
        self,
        rows: DataFrame,
        table: Table,
        *,
        input_versions: Mapping[str, int] | None = None,
        made_by: str | None = None,
    ) -> None:
        """Replace the table's rows in one commit, which also records the versions that they were built from.

        `made_by` is whatever else the rows depend on, as gold.affinity.changes computes it.
        """
        options = {} if input_versions is None else {"userMetadata": _note(input_versions, made_by)}
        self._create_or_extend(table, {})
        self._replace_rows(conform(rows, table), table, options)

    def overwrite_where(
        self,
        rows: DataFrame,
        table: Table,
        *,
        column: str,
        values: Collection[str],
        input_versions: Mapping[str, int],
        made_by: str | None = None,
    ) -> None:
        """Replace the rows that have one of these values in a text column, in one commit.

        `rows` may have no other values. Files without such rows are not touched.
        """
        listed = ", ".join(text_literal(value) for value in values)
        writer = conform(rows, table).write.format("delta").mode("overwrite")
        writer = writer.option("replaceWhere", f"{identifier(column)} IN ({listed})")
        writer.option("userMetadata", _note(input_versions, made_by)).save(self.path(table))

    def note_inputs(self, table: Table, *, input_versions: Mapping[str, int], made_by: str | None = None) -> None:
        """Record, in a commit without rows, that other versions of its inputs give the same rows."""
        nothing = self.spark.createDataFrame([], table.schema).write.format("delta").mode("append")
        with setting(self.spark, "spark.databricks.delta.skipRecordingEmptyCommits", "false"):
            nothing.option("userMetadata", _note(input_versions, made_by)).save(self.require(table))

    def replace(self, rows: DataFrame, table: Table, *, note: Mapping[str, str]) -> None:
        """Replace the table's rows in one commit that carries `note`, and its columns if the contract has others.

        Commits that change no row then make columns NOT NULL again, and update descriptions.
        """
        if not self.exists(table):
            self.ensure(table)
        options = {"userMetadata": json.dumps(dict(note))}
        if differences(self._schema(table), table):
            options["overwriteSchema"] = "true"
        self._replace_rows(comments.commented(conform(rows, table), table), table, options)
        existing = self._schema(table)
        if columns.restore_not_null(self.spark, self.in_process, table, existing):
            existing = self._schema(table)
        comments.update_columns(self.spark, self.path(table), table, existing)

    def set_aside(self, table: Table, *, stamp: str) -> str:
        """Rename the table's folder, so that the table can be recreated; the new path."""
        path = self.path(table)
        aside = f"{path}.before-{stamp}"
        open_folder(path).move(open_folder(aside))
        jvm = self.spark.sparkContext._jvm
        assert jvm is not None  # noqa: S101 - a classic session has its JVM
        # Delta would continue from the versions that it has cached
        jvm.org.apache.spark.sql.delta.DeltaLog.invalidateCache(
            self.spark._jsparkSession, jvm.org.apache.hadoop.fs.Path(path)
        )
        return aside

    @contextmanager
    def registered(self) -> Iterator[list[str]]:
        """Let SQL know every existing table under its name (`silver.users`) inside the block. Yields the names.

        Afterwards they are unknown again: sessions of one application share their catalogue, and roots differ.
        """
        present = [table for table in CATALOGUE if self.exists(table)]
        layers = dict.fromkeys(table.layer for table in present)
        try:
            for layer in layers:
                self.spark.sql(f"CREATE SCHEMA {layer}")
            for table in present:
                location = text_literal(self.path(table))
                self.spark.sql(f"CREATE TABLE {table.sql_name} USING delta LOCATION {location}")
            yield [table.sql_name for table in present]
        finally:
            for layer in layers:
                self.spark.sql(f"DROP SCHEMA IF EXISTS {layer} CASCADE")  # external tables: their files stay

    def _create_or_extend(self, table: Table, properties: Mapping[str, str]) -> bool:
        """Whether the table existed already; it now has the columns of its contract, maybe not its constraints."""
        record_version(self.root)
        path = self.path(table)
        if self.exists(table):
            existing = self._schema(table)
            if columns.add_missing(self.spark, path, table, existing):
                existing = self._schema(table)
            if columns.widen(self.spark, path, table, existing):
                existing = self._schema(table)
            if columns.restore_not_null(self.spark, self.in_process, table, existing):
                existing = self._schema(table)
            comments.update_columns(self.spark, path, table, existing)
            return True
        self._discard_unfinished(table)
        # without the name, Delta derives one from the location and does not double its backticks
        named = DeltaTable.createIfNotExists(self.spark).tableName(f"delta.{identifier(path)}").location(path)
        builder = named.comment(table.row).addColumns(table.schema)
        for name, value in {**table.delta_properties, **properties}.items():
            builder = builder.property(name, value)
        builder.execute()
        return False

    def _schema(self, table: Table) -> StructType:
        """The columns of an existing table, read without Spark."""
        schema: StructType = StructType.fromJson(json.loads(self.in_process.delta(table).schema().to_json()))
        return schema

    def _discard_unfinished(self, table: Table) -> None:
        """Remove a log without any commit, left by a process that was killed while creating the table.

        Delta creates no table where a log exists. Such a log holds only folders, temporary files and the file
        system's checksums, whose names begin with a dot. Anything else belongs to someone, such as a table whose
        log was lost, and raises TableError.
        """
        path = self.path(table)
        folder = open_folder(path)
        log = folder / "_delta_log"
        others = [name for name in folder.names() if name != "_delta_log" and not name.endswith(".crc")]
        others += [f"_delta_log/{name}" for name in log.names_below() if not name.startswith(".")]
        if others:
            raise TableError(
                f"{path} is where {table.sql_name} belongs, but it is not a Delta table and holds {others[0]}",
                todo="if a table was there, put its _delta_log back; else move that folder away",
            )
        folder.delete("_delta_log")

    def _replace_rows(self, rows: DataFrame, table: Table, options: Mapping[str, str]) -> None:
        """Overwrite the table. Changed constraints apply to the new rows alone: the old ones may violate them."""
        path, due = self.path(table), self._prepare(table)
        rows.write.format("delta").mode("overwrite").options(**options).save(path)
        constraints.add(self.spark, path, table, dict.fromkeys(due, ""))

    def _prepare(self, table: Table) -> dict[str, str]:
        """Update the description and properties, and drop the constraints that changed.

        Returns the constraints to add, as `constraints`.
        """
        path, detail = self.path(table), self.detail(table)
        if not table.own_properties.items() <= detail.properties.items():
            self.set_properties(table, table.own_properties)
        comments.update_table(self.spark, path, table, detail.description)
        return constraints.drop_changed(self.spark, path, table, detail.properties)


def _note(input_versions: Mapping[str, int], made_by: str | None) -> str:
    note = {"inputs": dict(sorted(input_versions.items())), "made_by": made_by}
    return json.dumps({name: value for name, value in note.items() if value is not None})
