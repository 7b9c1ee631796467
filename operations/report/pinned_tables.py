"""The lakehouse as the report reads it: every table at one stated version, even if it changes meanwhile."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from lakehouse.errors import TableError
from lakehouse.history import retention
from lakehouse.history.commits import commit, lineage_of
from lakehouse.lakehouse import Lakehouse
from lakehouse.tables import CATALOGUE, SILVER_BATCHES, Table, layer_tables
from operations.report.contents import Flow, TableState


@dataclass(frozen=True)
class PinnedTables:
    """The versions, by SQL name, of the tables that exist."""

    lakehouse: Lakehouse
    versions: Mapping[str, int]

    def has(self, *tables: Table) -> bool:
        """Whether all of the tables exist."""
        return all(table.sql_name in self.versions for table in tables)

    def query(self, sql: str, **tables: Table) -> list[dict[str, Any]]:
        """The rows of a SELECT from existing tables, each under the name that it is given by."""
        pinned = {name: (table, self.versions[table.sql_name]) for name, table in tables.items()}
        rows: list[dict[str, Any]] = self.lakehouse.query(sql, **pinned).to_pylist()
        return rows


def pin_tables(lakehouse: Lakehouse) -> PinnedTables:
    """The latest version of every table. Raises TableError if there is no table at all."""
    tables = [table for table in CATALOGUE if lakehouse.exists(table)]
    if not tables:
        raise TableError(
            f"no table under {lakehouse.root}", todo="make them with: lakehouse demo, or lakehouse run"
        )
    return PinnedTables(lakehouse, {table.sql_name: lakehouse.version(table) for table in tables})


def table_states(snapshot: PinnedTables) -> tuple[TableState, ...]:
    """Every existing table, in the order of the catalogue."""
    return tuple(_state(snapshot, table) for table in CATALOGUE if snapshot.has(table))


def removed_rows(snapshot: PinnedTables) -> int:
    """The rows that retention has removed from bronze since silver took them."""
    tables = [table for table in layer_tables("bronze") if snapshot.has(table)]
    opened = (snapshot.lakehouse.delta(table, snapshot.versions[table.sql_name]) for table in tables)
    return sum(retention.removed_rows(table) for table in opened)


def read_flow(snapshot: PinnedTables) -> Flow | None:
    if not snapshot.has(SILVER_BATCHES):
        return None
    sums = ", ".join(f"sum({name})" for name in ("rows_in", "applied", "superseded", "deleted", "quarantined"))
    (totals,) = snapshot.query(f"SELECT count(*) AS batches, {sums} FROM batches", batches=SILVER_BATCHES)  # noqa: S608
    return Flow(*totals.values()) if totals["batches"] else None


def _state(snapshot: PinnedTables, table: Table) -> TableState:
    version = snapshot.versions[table.sql_name]
    (counted,) = snapshot.query("SELECT count(*) AS rows FROM counted", counted=table)
    written = commit(snapshot.lakehouse, table, version)
    inputs = lineage_of(snapshot.lakehouse, table, version) if table.layer == "gold" else None
    written_at = written.written_at if written else None
    return TableState(table.sql_name, version, counted["rows"], written_at, inputs or {}, table.row)
