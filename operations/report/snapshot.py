"""The lakehouse as the report reads it: every table at one stated version, even if it changes meanwhile."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import reduce

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from lakehouse import storage
from lakehouse.errors import TableError
from lakehouse.history.commits import commit, inputs_of
from lakehouse.lakehouse import Lakehouse
from lakehouse.tables import CATALOGUE, SILVER_BATCHES, Table
from operations.report.contents import Flow, TableState


@dataclass(frozen=True)
class Snapshot:
    """The versions, by SQL name, of the tables that exist."""

    spark: SparkSession
    root: str
    versions: Mapping[str, int]

    def rows(self, table: Table) -> DataFrame | None:
        """The table's rows, or None if it does not exist."""
        version = self.versions.get(table.sql_name)
        return None if version is None else storage.read(self.spark, self.root, table, version=version)


def take_snapshot(spark: SparkSession, root: str) -> Snapshot:
    """The latest version of every table. Raises TableError if there is no table at all."""
    found = {table.sql_name: Lakehouse(root).versions(table) for table in CATALOGUE}
    versions = {name: numbers[-1] for name, numbers in found.items() if numbers}
    if not versions:
        raise TableError(f"no table under {root}", todo="make them with: lakehouse demo, or lakehouse run")
    return Snapshot(spark, root, versions)


def table_states(snapshot: Snapshot) -> tuple[TableState, ...]:
    """Every existing table, in the order of the catalogue."""
    tables = [table for table in CATALOGUE if table.sql_name in snapshot.versions]
    rows = _count_rows(snapshot, tables)
    return tuple(_state(snapshot, table, rows[table.sql_name]) for table in tables)


def read_flow(snapshot: Snapshot) -> Flow | None:
    batches = snapshot.rows(SILVER_BATCHES)
    if batches is None:
        return None
    sums = [F.sum(name) for name in ("rows_in", "applied", "superseded", "deleted", "quarantined")]
    totals = batches.agg(F.count("*"), *sums).collect()[0]
    return Flow(*totals) if totals[0] else None


def _count_rows(snapshot: Snapshot, tables: list[Table]) -> dict[str, int]:
    """Delta answers each of these counts from the statistics in its log."""
    counts = []
    for table in tables:
        rows = snapshot.rows(table)
        if rows is not None:
            counts.append(rows.agg(F.count("*").alias("rows")).select(F.lit(table.sql_name).alias("name"), "rows"))
    return {row["name"]: row["rows"] for row in reduce(DataFrame.unionByName, counts).collect()}


def _state(snapshot: Snapshot, table: Table, rows: int) -> TableState:
    version = snapshot.versions[table.sql_name]
    lake = Lakehouse(snapshot.root)
    written = commit(lake, table, version)
    inputs = inputs_of(lake, table, version) if table.layer == "gold" else None
    return TableState(table.sql_name, version, rows, written.written_at if written else None, inputs or {})
