"""Swapping rebuilt tables in: each in one commit, and a swap that a crash cut off can be finished."""

import json
from collections.abc import Mapping

from pyspark.sql import functions as F

from lakehouse.exports import write_file
from lakehouse.folders import Folder, open_folder
from lakehouse.history import retention
from lakehouse.spark.checkpoints import CheckpointError, rebuild
from lakehouse.spark.lakehouse import SparkLakehouse
from lakehouse.tables import SILVER_BATCHES, Table, layer_tables

_LAYER = "silver"
_FOLDER = "rebuild"
# There while a rebuild is being swapped in.
_MARKER = f"{_LAYER}.json"


def staging_of(lake: SparkLakehouse, stamp: str) -> SparkLakehouse:
    """Where a rebuild makes the new tables."""
    return SparkLakehouse(f"{lake.root}/{_FOLDER}/{_LAYER}-{stamp}", lake.spark)


def require_no_rebuild(root: str) -> None:
    """Raise CheckpointError if a rebuild was interrupted in the middle of its swap."""
    if pending_swap(root):
        raise CheckpointError(
            f"a rebuild of {_LAYER} was interrupted while its tables were swapped in",
            todo=f"{rebuild(_LAYER)} finishes it",
        )


def pending_swap(root: str) -> str | None:
    """The stamp of a complete rebuild whose swap has begun but not ended."""
    folder = open_folder(root) / _FOLDER
    if _MARKER not in folder.names():
        return None
    return str(json.loads(folder.read(_MARKER))["stamp"])


def discard_staging(root: str) -> None:
    """Delete what earlier, unfinished rebuilds left. Only valid without a pending swap."""
    folder = open_folder(root) / _FOLDER
    for name in folder.names():
        folder.delete(name)


def swap_in(lake: SparkLakehouse, stamp: str) -> None:
    """Replace the rows of every silver table, and the checkpoint, with the rebuilt ones.

    silver.corrections only gains rows: bronze cannot restore what people decided.

    The old rows stay readable by version, the old checkpoint next to the new one. Every step can be repeated:
    calling this again finishes a swap that was cut off.
    """
    staging = staging_of(lake, stamp)
    write_file(f"{lake.root}/{_FOLDER}/{_MARKER}", json.dumps({"stamp": stamp}).encode())
    if open_folder(staging.checkpoint_path(_LAYER)).names():
        for table in layer_tables("bronze"):
            retention.restart_counts(lake.in_process.delta(table))
        versions: dict[str, int] = {}
        for table in layer_tables(_LAYER):
            if table.decided:
                _append_new(lake, staging, table)
            elif table != SILVER_BATCHES:
                _replace(lake, staging, table, stamp)
            if table != SILVER_BATCHES:
                versions[table.sql_name] = lake.version(table)
        _replace(lake, staging, SILVER_BATCHES, stamp, versions)
        built = open_folder(staging.checkpoint_path(_LAYER))
        if not _is_being_moved(built, lake):
            set_checkpoint_aside(lake, _LAYER, stamp=stamp)
        built.move(open_folder(lake.checkpoint_path(_LAYER)))
    folder = lake.in_process.folder / _FOLDER
    folder.delete(_MARKER)
    folder.delete(f"{_LAYER}-{stamp}")


def _is_being_moved(built: Folder, lake: SparkLakehouse) -> bool:
    """Whether the layer's checkpoint is the built one, maybe in part: a move in a store may be cut off."""
    held = open_folder(lake.checkpoint_path(_LAYER))
    return "metadata" in held.names() and held.read("metadata") == built.read("metadata")


def _replace(
    lake: SparkLakehouse,
    staging: SparkLakehouse,
    table: Table,
    stamp: str,
    silver_versions: Mapping[str, int] | None = None,
) -> None:
    rows = staging.read(table)
    if silver_versions is not None:
        pairs = [F.lit(part) for pair in sorted(silver_versions.items()) for part in pair]
        rows = rows.withColumn("silver_versions", F.create_map(*pairs).cast("map<string,bigint>"))
    lake.replace(rows, table, note={"lakehouse": f"rebuild {stamp}"})


def _append_new(lake: SparkLakehouse, staging: SparkLakehouse, table: Table) -> None:
    """Append the rows that the rebuild found beyond those that it was given; nothing is replaced."""
    lake.ensure(table)
    held = lake.read(table).select(*table.key)
    new = staging.read(table).join(held, on=list(table.key), how="left_anti")
    if not new.isEmpty():
        lake.append(new.select(*table.columns), table)


def set_checkpoint_aside(lake: SparkLakehouse, stream: str, *, stamp: str) -> str | None:
    """Rename the stream's checkpoint, so that its next start finds none; the new path, None if there was none."""
    path = lake.checkpoint_path(stream)
    if not open_folder(path).names():
        return None
    aside = f"{path}.before-{stamp}"
    open_folder(path).move(open_folder(aside))
    return aside
