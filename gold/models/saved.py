"""What is saved of trained models, read without Spark: which are complete, and a frame's rows as Arrow."""

import io
import json
import re
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from lakehouse.errors import TableError
from lakehouse.folders import Folder, open_folder

MANIFEST = "model.json"
# A version is the name of a folder.
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]*")


def is_saved(root: str, model_version: str) -> bool:
    """Whether the model is complete: readers of a folder would take the files that it has for the whole frame."""
    folder = model_folder(root, model_version)
    if MANIFEST not in folder.names():
        return False
    written: dict[str, list[str]] = read_manifest(folder).get("files", {})
    return all(set(parts) <= set(part_names(folder / name)) for name, parts in written.items())


def require_saved(root: str, model_version: str) -> None:
    """Raise TableError if the model is not saved, or incomplete."""
    if not is_saved(root, model_version):
        raise TableError(
            f"model {model_version} is not saved under {root}/models",
            todo="lakehouse models lists the saved ones; lakehouse run --select gold trains one",
        )


def saved_versions(root: str) -> list[str]:
    """The models that are saved completely."""
    return [name for name in model_names(root) if is_saved(root, name)]


def model_names(root: str) -> list[str]:
    """The folders that may be models; anything else there is ignored, such as .DS_Store."""
    return [name for name in (open_folder(root) / "models").names() if NAME.fullmatch(name)]


def read_frame(root: str, model_version: str, name: str) -> pa.Table | None:
    """The rows of a model's frame; None if the model is not saved, or has no such frame."""
    if not is_saved(root, model_version):
        return None
    frame = model_folder(root, model_version) / name
    parts = [pq.ParquetFile(io.BytesIO(frame.read(part))).read() for part in part_names(frame)]
    return pa.concat_tables(parts) if parts else None


def model_folder(root: str, model_version: str) -> Folder:
    return open_folder(root) / "models" / checked_name(model_version)


def checked_name(name: str) -> str:
    if not NAME.fullmatch(name):
        raise ValueError(f"{name!r} cannot be the name of a folder")
    return name


def read_manifest(folder: Folder) -> dict[str, Any]:
    manifest: dict[str, Any] = json.loads(folder.read(MANIFEST))
    return manifest


def part_names(frame: Folder) -> list[str]:
    return [name for name in frame.names() if name.endswith(".parquet")]
