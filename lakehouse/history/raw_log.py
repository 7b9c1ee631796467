"""A Delta log's files as they are, for finding the damaged one: delta-rs reads only whole logs."""

import io
import json
import re
from collections.abc import Iterable

import pyarrow.parquet as pq

from lakehouse.folders import Folder
from lakehouse.history.log import read_actions

# Names the last checkpoint. Spark does without that one; delta-rs then refuses the log.
LAST_CHECKPOINT = "_last_checkpoint"
_CHECKPOINT = re.compile(r"(\d{20})\.checkpoint(?:\.(\d{10})\.(\d{10}))?\.parquet")


def require_readable_file(log: Folder, name: str) -> None:
    """Raise ValueError or OSError if a commit or a checkpoint's file is damaged."""
    if name.endswith(".json"):
        for _ in read_actions(log, int(name[:20])):
            pass
    else:
        pq.ParquetFile(io.BytesIO(log.read(name))).read(columns=["protocol", "add"])


def checkpoint_files(names: Iterable[str]) -> tuple[int | None, list[str]]:
    """The version of the log's last complete checkpoint and its files; -1 if there is none.

    The version is None if the log has checkpoints of an unsupported kind.
    """
    listed = [name for name in names if not name.startswith(".")]
    if any(".checkpoint." in name and not _CHECKPOINT.fullmatch(name) for name in listed):
        return None, []
    checkpoints: dict[tuple[int, int], list[str]] = {}
    for name in listed:
        match = _CHECKPOINT.fullmatch(name)
        if match:
            checkpoints.setdefault((int(match[1]), int(match[3] or 1)), []).append(name)
    whole = {version: files for (version, parts), files in sorted(checkpoints.items()) if len(files) == parts}
    return max(whole.items(), default=(-1, []))


def last_checkpoint(log: Folder) -> int:
    """The version of the checkpoint that the log names as its last one; -1 if it names none."""
    try:
        return int(json.loads(log.read(LAST_CHECKPOINT))["version"])
    except (FileNotFoundError, ValueError, KeyError, TypeError):  # readers do without a broken one too
        return -1
