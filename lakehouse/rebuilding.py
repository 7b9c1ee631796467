"""Swapping rebuilt tables in: each in one commit, and a swap that a crash cut off can be finished."""

import json
from collections.abc import Mapping

from pyspark.sql import SparkSession
from pyspark.sql import functions as F

from lakehouse import files, storage
from lakehouse.exports import write_file
from lakehouse.folders import open_folder
from lakehouse.spark.checkpoints import CheckpointError, rebuild, set_aside
from lakehouse.storage import checkpoint_path
from lakehouse.tables import SILVER_BATCHES, SILVER_CORRECTIONS, Table, layer_tables

_LAYER = "silver"


def staging_root(root: str, stamp: str) -> str:
    return f"{root}/rebuild/{_LAYER}-{stamp}"


def require_no_rebuild(root: str) -> None:
    """Raise CheckpointError if a rebuild was interrupted in the middle of its swap."""
    if pending_swap(root):
        raise CheckpointError(
            f"a rebuild of {_LAYER} was interrupted while its tables were swapped in",
            todo=f"{rebuild(_LAYER)} finishes it",
        )


def pending_swap(root: str) -> str | None:
    """The stamp of a complete rebuild whose swap has begun but not ended."""
    folder = open_folder(root) / "rebuild"
    if f"{_LAYER}.json" not in folder.names():
        return None
    return str(json.loads(folder.read(f"{_LAYER}.json"))["stamp"])


def discard_staging(spark: SparkSession, root: str) -> None:
    """Delete what earlier, unfinished rebuilds left. Only valid without a pending swap."""
    for name in files.names(spark, f"{root}/rebuild"):
        files.delete(spark, f"{root}/rebuild/{name}")


def swap_in(spark: SparkSession, root: str, stamp: str) -> None:
    """Replace the rows of every silver table, and the checkpoint, with the rebuilt ones.

    silver.corrections only gains rows: bronze cannot restore what people decided.

    The old rows stay readable by version, the old checkpoint next to the new one. Every step can be repeated:
    calling this again finishes a swap that was cut off.
    """
    staging = staging_root(root, stamp)
    write_file(spark, _marker(root), json.dumps({"stamp": stamp}).encode())
    if files.names(spark, checkpoint_path(staging, _LAYER)):
        versions: dict[str, int] = {}
        for table in layer_tables(_LAYER):
            if table == SILVER_CORRECTIONS:
                _append_new(spark, root, staging, table)
            elif table != SILVER_BATCHES:
                _replace(spark, root, staging, table, stamp)
            if table != SILVER_BATCHES:
                versions[table.sql_name] = storage.latest_version(spark, root, table)
        _replace(spark, root, staging, SILVER_BATCHES, stamp, versions)
        set_aside(spark, root, _LAYER, stamp=stamp)
        files.rename(spark, checkpoint_path(staging, _LAYER), checkpoint_path(root, _LAYER))
    files.delete(spark, _marker(root))
    files.delete(spark, staging)


def _replace(
    spark: SparkSession,
    root: str,
    staging: str,
    table: Table,
    stamp: str,
    silver_versions: Mapping[str, int] | None = None,
) -> None:
    rows = storage.read(spark, staging, table)
    if silver_versions is not None:
        pairs = [F.lit(part) for pair in sorted(silver_versions.items()) for part in pair]
        rows = rows.withColumn("silver_versions", F.create_map(*pairs).cast("map<string,bigint>"))
    storage.replace(rows, root, table, note={"lakehouse": f"rebuild {stamp}"})


def _append_new(spark: SparkSession, root: str, staging: str, table: Table) -> None:
    """Append the rows that the rebuild found beyond those that it was given; nothing is replaced."""
    storage.ensure(spark, root, table)
    held = storage.read(spark, root, table).select(*table.key)
    new = storage.read(spark, staging, table).join(held, on=list(table.key), how="left_anti")
    if not new.isEmpty():
        storage.append(new.select(*table.columns), root, table)


def _marker(root: str) -> str:
    return f"{root}/rebuild/{_LAYER}.json"
