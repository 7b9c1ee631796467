"""Swapping rebuilt tables in: each in one commit, and a swap that a crash cut off can be finished."""

import json
from collections.abc import Mapping

from pyspark.sql import functions as F

from lakehouse import files
from lakehouse.exports import write_file
from lakehouse.spark.checkpoints import CheckpointError, rebuild, set_aside
from lakehouse.spark.lakehouse import SparkLakehouse
from lakehouse.tables import SILVER_BATCHES, Table, layer_tables

_LAYER = "silver"


def staging_of(lake: SparkLakehouse, stamp: str) -> SparkLakehouse:
    """Where a rebuild makes the new tables."""
    return SparkLakehouse(f"{lake.root}/rebuild/{_LAYER}-{stamp}", lake.spark)


def require_no_rebuild(lake: SparkLakehouse) -> None:
    """Raise CheckpointError if a rebuild was interrupted in the middle of its swap."""
    if pending_swap(lake):
        raise CheckpointError(
            f"a rebuild of {_LAYER} was interrupted while its tables were swapped in",
            todo=f"{rebuild(_LAYER)} finishes it",
        )


def pending_swap(lake: SparkLakehouse) -> str | None:
    """The stamp of a complete rebuild whose swap has begun but not ended."""
    if f"{_LAYER}.json" not in files.names(lake.spark, f"{lake.root}/rebuild"):
        return None
    return str(json.loads(files.read_text(lake.spark, _marker(lake.root)))["stamp"])


def discard_staging(lake: SparkLakehouse) -> None:
    """Delete what earlier, unfinished rebuilds left. Only valid without a pending swap."""
    for name in files.names(lake.spark, f"{lake.root}/rebuild"):
        files.delete(lake.spark, f"{lake.root}/rebuild/{name}")


def swap_in(lake: SparkLakehouse, stamp: str) -> None:
    """Replace the rows of every silver table, and the checkpoint, with the rebuilt ones.

    silver.corrections only gains rows: bronze cannot restore what people decided.

    The old rows stay readable by version, the old checkpoint next to the new one. Every step can be repeated:
    calling this again finishes a swap that was cut off.
    """
    staging = staging_of(lake, stamp)
    write_file(lake.spark, _marker(lake.root), json.dumps({"stamp": stamp}).encode())
    if files.names(lake.spark, staging.checkpoint_path(_LAYER)):
        versions: dict[str, int] = {}
        for table in layer_tables(_LAYER):
            if table.decided:
                _append_new(lake, staging, table)
            elif table != SILVER_BATCHES:
                _replace(lake, staging, table, stamp)
            if table != SILVER_BATCHES:
                versions[table.sql_name] = lake.version(table)
        _replace(lake, staging, SILVER_BATCHES, stamp, versions)
        set_aside(lake.spark, lake.root, _LAYER, stamp=stamp)
        files.rename(lake.spark, staging.checkpoint_path(_LAYER), lake.checkpoint_path(_LAYER))
    files.delete(lake.spark, _marker(lake.root))
    files.delete(lake.spark, staging.root)


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


def _marker(root: str) -> str:
    return f"{root}/rebuild/{_LAYER}.json"
