"""Trained models as files under <root>/models/<model_version>: named frames and numbers.

The manifest is written last and atomically; a model without one is incomplete and is ignored.
"""

import json
from collections.abc import Iterable, Mapping
from typing import NamedTuple

from pydantic import JsonValue
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql.types import StructType

from gold.models.saved import (
    MANIFEST,
    checked_name,
    is_saved,
    model_folder,
    model_names,
    part_names,
    read_manifest,
    require_saved,
)
from lakehouse.durability import sync_below
from lakehouse.exports import replaced_file
from lakehouse.folders import open_folder
from lakehouse.spark.lakehouse import SparkLakehouse

# Spark's own option (DataSource.GLOB_PATHS_KEY). An escaped pattern fails if a name contains a colon: Hadoop takes
# what stands before a colon in a pattern for a scheme.
_PATTERNS = "__globPaths__"


class Model(NamedTuple):
    """A saved model: frames are read when they are used; numbers are anything that JSON can hold."""

    model_version: str
    frames: Mapping[str, DataFrame]
    numbers: Mapping[str, JsonValue]


def save_model(
    root: str,
    model_version: str,
    frames: Mapping[str, DataFrame],
    numbers: Mapping[str, JsonValue],
) -> None:
    """Save the model under its version. A saved version is not written again: it is the same model.

    The remains of an interrupted save are replaced. Raises ValueError for NaN and infinity: JSON has none.
    """
    if is_saved(root, model_version):
        return
    folder = _path(root, model_version)
    manifest = {
        "frames": {checked_name(name): frame.schema.jsonValue() for name, frame in frames.items()},
        "numbers": dict(numbers),
    }
    json.dumps(manifest, allow_nan=False)  # before anything is deleted
    open_folder(root).delete(f"models/{model_version}")
    for name, frame in frames.items():
        frame.write.parquet(f"{folder}/{name}")
    sync_below(folder)
    written = model_folder(root, model_version)
    manifest["files"] = {name: part_names(written / name) for name in frames}
    text = json.dumps(manifest, allow_nan=False, indent=2)
    with replaced_file(f"{folder}/{MANIFEST}") as file:
        file.write(text.encode())


def load_model(lake: SparkLakehouse, model_version: str) -> Model:
    """The model of this version. Raises TableError if it is not saved, or incomplete."""
    require_saved(lake.root, model_version)
    manifest = read_manifest(model_folder(lake.root, model_version))
    # with a given schema, Spark reads no footer before the frame is used, and an empty frame keeps its columns
    frames = {
        name: _read_parquet(lake.spark, f"{_path(lake.root, model_version)}/{name}", StructType.fromJson(schema))
        for name, schema in manifest["frames"].items()
    }
    return Model(model_version, frames, manifest["numbers"])


def _read_parquet(spark: SparkSession, folder: str, schema: StructType) -> DataFrame:
    """The rows of the folder's Parquet files. By default Spark reads a path as a pattern: `[1]` means `1`."""
    return spark.read.schema(schema).option(_PATTERNS, "false").parquet(folder)


def keep_models(root: str, versions: Iterable[str]) -> None:
    """Delete the files of all other models, incomplete ones included."""
    kept = set(versions)
    for name in model_names(root):
        if name not in kept:
            open_folder(root).delete(f"models/{name}")


def _path(root: str, model_version: str) -> str:
    return f"{root}/models/{checked_name(model_version)}"
