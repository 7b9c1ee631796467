"""Trained models as files under <root>/models/<model_version>: named frames and numbers.

The manifest is written last and atomically; a model without one is incomplete and is ignored.
"""

import json
import re
from collections.abc import Iterable, Mapping
from typing import NamedTuple

from pydantic import JsonValue
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql.types import StructType

from lakehouse import files
from lakehouse.errors import TableError
from lakehouse.exports import replaced_file
from lakehouse.spark.lakehouse import SparkLakehouse

_MANIFEST = "model.json"
# Both become folder names.
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]*")


class Model(NamedTuple):
    """A saved model: frames are read when they are used; numbers are anything that JSON can hold."""

    model_version: str
    frames: Mapping[str, DataFrame]
    numbers: Mapping[str, JsonValue]


def save_model(
    lake: SparkLakehouse,
    model_version: str,
    frames: Mapping[str, DataFrame],
    numbers: Mapping[str, JsonValue],
) -> None:
    """Save the model under its version. A saved version is not written again: it is the same model.

    The remains of an interrupted save are replaced. Raises ValueError for NaN and infinity: JSON has none.
    """
    if is_saved(lake, model_version):
        return
    folder = _folder(lake.root, model_version)
    manifest = {
        "frames": {_named(name): frame.schema.jsonValue() for name, frame in frames.items()},
        "numbers": dict(numbers),
    }
    json.dumps(manifest, allow_nan=False)  # before anything is deleted
    files.delete(lake.spark, folder)
    for name, frame in frames.items():
        frame.write.parquet(f"{folder}/{name}")
    manifest["files"] = {name: _parts(lake.spark, f"{folder}/{name}") for name in frames}
    text = json.dumps(manifest, allow_nan=False, indent=2)
    with replaced_file(lake.spark, f"{folder}/{_MANIFEST}") as file:
        file.write(text.encode())


def load_model(lake: SparkLakehouse, model_version: str) -> Model:
    """The model of this version. Raises TableError if it is not saved, or incomplete."""
    require_saved(lake, model_version)
    folder = _folder(lake.root, model_version)
    manifest = json.loads(files.read_text(lake.spark, f"{folder}/{_MANIFEST}"))
    # with a given schema, Spark reads no footer before the frame is used, and an empty frame keeps its columns
    frames = {
        name: files.read_parquet(lake.spark, f"{folder}/{name}", StructType.fromJson(schema))
        for name, schema in manifest["frames"].items()
    }
    return Model(model_version, frames, manifest["numbers"])


def is_saved(lake: SparkLakehouse, model_version: str) -> bool:
    """Whether the model is complete: from a folder without files Spark would read a frame without rows."""
    folder = _folder(lake.root, model_version)
    if _MANIFEST not in files.names(lake.spark, folder):
        return False
    manifest = json.loads(files.read_text(lake.spark, f"{folder}/{_MANIFEST}"))
    written: dict[str, list[str]] = manifest.get("files", {})
    return all(set(parts) <= set(_parts(lake.spark, f"{folder}/{name}")) for name, parts in written.items())


def _parts(spark: SparkSession, folder: str) -> list[str]:
    return [name for name in files.names(spark, folder) if name.endswith(".parquet")]


def require_saved(lake: SparkLakehouse, model_version: str) -> None:
    """Raise TableError if the model is not saved, or incomplete."""
    if not is_saved(lake, model_version):
        raise TableError(
            f"model {model_version} is not saved under {lake.root}/models",
            todo="lakehouse models lists those that are; lakehouse run --select gold trains one",
        )


def saved_versions(lake: SparkLakehouse) -> list[str]:
    """The models that are saved completely."""
    return [name for name in _folders(lake) if is_saved(lake, name)]


def keep_models(lake: SparkLakehouse, versions: Iterable[str]) -> None:
    """Delete the files of all other models, incomplete ones included."""
    kept = set(versions)
    for name in _folders(lake):
        if name not in kept:
            files.delete(lake.spark, f"{lake.root}/models/{name}")


def _folders(lake: SparkLakehouse) -> list[str]:
    """Folders that may be models; ignores anything else there, such as .DS_Store."""
    return [name for name in files.names(lake.spark, f"{lake.root}/models") if _NAME.fullmatch(name)]


def _folder(root: str, model_version: str) -> str:
    return f"{root}/models/{_named(model_version)}"


def _named(name: str) -> str:
    if not _NAME.fullmatch(name):
        raise ValueError(f"{name!r} cannot be the name of a folder")
    return name
