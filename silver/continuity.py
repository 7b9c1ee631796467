"""Check that silver's tables, its checkpoint and bronze agree before stream 2 continues."""

from collections.abc import Mapping

from pyspark.sql import functions as F

from lakehouse.history.backlog import SILVER_SOURCES
from lakehouse.history.commits import KEEP_ROWS, commits
from lakehouse.history.log import read_actions, removes_rows, table_log
from lakehouse.lakehouse import Lakehouse, select
from lakehouse.spark.checkpoints import (
    BrokenCheckpointError,
    Checkpoint,
    CheckpointError,
    delta_positions,
    rebuild,
)
from lakehouse.spark.lakehouse import SparkLakehouse
from lakehouse.tables import SILVER_BATCHES, SILVER_CORRECTIONS, Table, layer_tables

# What the stream itself does to a table, besides appends, and what changes no row.
_OWN = KEEP_ROWS | {"MERGE"}
# What removes no row of bronze.
_KEEP_BRONZE = KEEP_ROWS | {"STREAMING UPDATE"}


def require_continuity(lake: SparkLakehouse, checkpoint: Checkpoint | None) -> None:
    """Raise CheckpointError if continuing would skip or repeat records; silver must then be rebuilt."""
    present = [table for table in layer_tables("silver") if lake.exists(table)]
    if checkpoint is None or checkpoint.began < 0:
        filled = [table.sql_name for table in present if lake.detail(table).files]
        if filled:
            raise _apart(f"{', '.join(filled)} hold rows, but the checkpoint is gone")
        return
    missing = [table for table in layer_tables("silver") if table not in present]
    if missing and checkpoint.ended < 0 and not present:
        return
    # silver.corrections is newer than the other tables: if no batch knows it, this lakehouse never had it
    if missing and (missing != [SILVER_CORRECTIONS] or _known(lake, SILVER_CORRECTIONS)):
        names = ", ".join(table.sql_name for table in missing)
        raise _apart(f"{names} is gone, but the checkpoint is not")
    _compare_batches(lake, checkpoint)
    _compare_sources(lake, checkpoint)


def _compare_batches(lake: SparkLakehouse, checkpoint: Checkpoint) -> None:
    batches = lake.in_process.delta(SILVER_BATCHES)
    sql = "SELECT query_id, max(batch_id) AS batch_id FROM batches GROUP BY query_id"
    last = {row["query_id"]: row["batch_id"] for row in lake.in_process.query(sql, batches=batches).to_pylist()}
    if others := last.keys() - {checkpoint.query_id}:
        raise _apart(
            f"silver.batches belongs to the stream {min(others)}, the checkpoint to {checkpoint.query_id}"
        )
    batch_id = last.get(checkpoint.query_id, -1)
    if batch_id > checkpoint.began:
        raise _apart(
            f"the checkpoint is an old copy: it has {checkpoint.began + 1} batches, silver has {batch_id + 1}"
        )
    if batch_id < checkpoint.ended:
        raise _apart(
            f"silver is an old copy: it has {batch_id + 1} batches, the checkpoint has {checkpoint.ended + 1} "
            f"({_missing(lake, SILVER_BATCHES, batches.version() + 1)})"
        )
    if last:
        row = select(batches, columns=["silver_versions"], where=f"batch_id = {batch_id}").to_pylist()[0]
        _require_own_changes(lake, dict(row["silver_versions"]))


def _known(lake: SparkLakehouse, table: Table) -> bool:
    """Whether a batch has seen the table."""
    versions = lake.read(SILVER_BATCHES).select("silver_versions")
    return not versions.filter(F.map_contains_key("silver_versions", table.sql_name)).isEmpty()


def _require_own_changes(lake: SparkLakehouse, versions: Mapping[str, int]) -> None:
    """Raise CheckpointError if anyone but an interrupted batch changed the tables since the last batch."""
    for table in layer_tables("silver"):
        known = versions.get(table.sql_name)
        if known is None:
            continue  # added by a later version of this project than that batch
        latest = lake.version(table)
        if latest < known:
            raise _apart(
                f"{table.sql_name} is at version {latest}, but version {known} was written "
                f"({_missing(lake, table, latest + 1)})"
            )
        for commit in commits(lake.in_process, table, after=known):
            is_append = commit.operation == "WRITE" and commit.parameters.get("mode") == "Append"
            if commit.operation not in _OWN and not is_append and not commit.is_own:
                raise _apart(f"version {commit.version} of {table.sql_name} was written by {commit.operation}")


def _compare_sources(lake: SparkLakehouse, checkpoint: Checkpoint) -> None:
    names = [table.sql_name for table in SILVER_SOURCES]
    positions = delta_positions(checkpoint, checkpoint.began, names)
    for table in SILVER_SOURCES:
        if table.sql_name not in positions:
            continue
        position = positions[table.sql_name]
        lake.require(table)
        if lake.detail(table).id != position.table_id:
            raise _apart(f"{table.sql_name} was deleted and recreated since silver read it")
        latest = lake.version(table)
        if latest < position.version:
            raise _apart(
                f"silver has read {table.sql_name} to version {position.version}, but it ends at {latest} "
                f"({_missing(lake, table, latest + 1)})"
            )
        _require_no_lost_rows(lake.in_process, table, after=position.version)


def _require_no_lost_rows(lake: Lakehouse, table: Table, *, after: int) -> None:
    """Raise CheckpointError if somebody else removed or changed rows: the stream skips such a commit."""
    for commit in commits(lake, table, after=after):
        if commit.operation in _KEEP_BRONZE or commit.is_own:
            continue
        if removes_rows(read_actions(table_log(lake.folder, table), commit.version)):
            raise _apart(
                f"version {commit.version} of {table.sql_name} removed or changed rows ({commit.operation})"
            )


def _missing(lake: SparkLakehouse, table: Table, version: int) -> str:
    return f"{table_log(lake.in_process.folder, table).path}/{version:020d}.json is missing"


def _apart(cause: str) -> CheckpointError:
    return BrokenCheckpointError(
        f"silver and its checkpoint do not belong together: {cause}",
        todo=f"{rebuild('silver')} builds both again from bronze",
    )
