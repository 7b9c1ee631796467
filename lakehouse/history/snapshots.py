"""A Delta table's state from its log alone, without Spark (Delta transaction protocol, reader version 1).

Features of later reader versions are supported if they change nothing here, and so are deletion vectors. A table
with any other feature, such as v2 checkpoints, is refused with the feature's name.
"""

import io
import json
import re
import sys
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime
from typing import Any, NamedTuple

import pyarrow.parquet as pq

from lakehouse.errors import TableError
from lakehouse.folders import Folder
from lakehouse.history.delta_log import noted

_COMMIT = re.compile(r"\d{20}\.json")
_CHECKPOINT = re.compile(r"(\d{20})\.checkpoint(?:\.(\d{10})\.(\d{10}))?\.parquet")
_UNDERSTOOD = {
    *("columnMapping", "deletionVectors", "timestampNtz", "typeWidening", "vacuumProtocolCheck"),
    *("variantType", "variantType-preview", "variantShredding", "variantShredding-preview"),
}
_CHECKPOINT_COLUMNS = [
    *("add.path", "add.size", "add.stats", "add.stats_parsed.numRecords", "add.deletionVector"),
    *("protocol.minReaderVersion", "protocol.readerFeatures"),
]
Action = Mapping[str, Any]


class Snapshot(NamedTuple):
    """One version of a table. `size` is in bytes; `rows` is None if a file's statistics lack them."""

    version: int
    rows: int | None
    files: int
    size: int


class Entry(NamedTuple):
    """One commit. `rows_added` counts the rows in the files that it added with new data."""

    version: int
    written_at: datetime | None
    operation: str
    parameters: Mapping[str, Any]
    user_metadata: Mapping[str, Any]
    rows_added: int


class _File(NamedTuple):
    rows: int | None
    size: int


def table_log(root: Folder, sql_name: str) -> Folder:
    """The folder of the log of a table such as `silver.users`."""
    layer, _, name = sql_name.partition(".")
    return root / layer / name / "_delta_log"


def versions(log: Folder) -> list[int]:
    """The versions whose commits are still in the log, oldest first; empty if there is no table."""
    return commit_versions(log.names())


def commit_versions(names: Iterable[str]) -> list[int]:
    """The versions whose commits are among these names of a log's files."""
    return [int(name[:20]) for name in names if _COMMIT.fullmatch(name)]


def read_snapshot(log: Folder, version: int | None = None) -> Snapshot:
    """The table at that version, or at its latest. Raises TableError if the log does not have it."""
    commits = versions(log)
    if not commits:
        raise TableError(
            f"no Delta table at {log.path.removesuffix('/_delta_log')}", todo="lakehouse run makes it"
        )
    wanted = commits[-1] if version is None else version
    if wanted not in commits:
        raise TableError(f"no version {wanted} of this table", todo=f"its log has {commits[0]} to {commits[-1]}")
    begin, parts = _last_checkpoint(log.names(), wanted)
    missing = set(range(begin + 1, wanted + 1)) - set(commits)
    if missing:
        raise TableError(
            f"the log at {log.path} lacks version {min(missing)}, and no checkpoint before {wanted} is readable",
            todo="lakehouse history reads it through Spark",
        )
    live = _live(log, begin, parts, wanted)
    counts = [file.rows for file in live.values()]
    rows = None if None in counts else sum(count or 0 for count in counts)
    return Snapshot(wanted, rows, len(live), sum(file.size for file in live.values()))


def live_files(log: Folder, version: int | None = None) -> dict[str, int]:
    """The data files of that version, or of the latest: their paths as in the log, and their sizes in bytes."""
    names = log.names()
    wanted = commit_versions(names)[-1] if version is None else version
    live = _live(log, *_last_checkpoint(names, wanted), wanted)
    return {path: file.size for (path, _), file in live.items()}


def _live(log: Folder, begin: int, parts: Iterable[str], wanted: int) -> dict[tuple[str, str], _File]:
    live: dict[tuple[str, str], _File] = {}
    for part in parts:
        _apply(_checkpoint_actions(log, part), live)
    for number in range(begin + 1, wanted + 1):
        _apply(_commit_actions(log, number), live)
    return live


def read_entry(log: Folder, version: int) -> Entry:
    """The commit's own record of itself. Raises FileNotFoundError if it is no longer in the log."""
    info: Action = {}
    rows = 0
    for action in _commit_actions(log, version):
        info = action.get("commitInfo") or info
        add = action.get("add")
        if add and add.get("dataChange"):
            rows += _file(add).rows or 0
    stamp = info.get("inCommitTimestamp", info.get("timestamp"))
    return Entry(
        version,
        None if stamp is None else datetime.fromtimestamp(stamp / 1000, UTC),
        info.get("operation", ""),
        info.get("operationParameters") or {},
        noted(info.get("userMetadata")),
        rows,
    )


def read_actions(log: Folder, name: str) -> Iterator[Action]:
    """The actions of a commit or of a checkpoint file. Raises ValueError or OSError if it is damaged."""
    return _commit_actions(log, int(name[:20])) if name.endswith(".json") else _checkpoint_actions(log, name)


def checkpoint_files(names: Iterable[str]) -> tuple[int | None, list[str]]:
    """The version of the log's last complete checkpoint and its files; -1 if there is none.

    The version is None if the log has checkpoints of an unsupported kind.
    """
    listed = [name for name in names if not name.startswith(".")]
    if any(".checkpoint." in name and not _CHECKPOINT.fullmatch(name) for name in listed):
        return None, []
    return _last_checkpoint(listed, sys.maxsize)


def _last_checkpoint(names: Iterable[str], wanted: int) -> tuple[int, list[str]]:
    """The last complete checkpoint up to that version, and its files; -1 and no files if there is none."""
    found: dict[tuple[int, int], list[str]] = {}
    for name in names:
        match = _CHECKPOINT.fullmatch(name)
        if match and int(match[1]) <= wanted:
            found.setdefault((int(match[1]), int(match[3] or 1)), []).append(name)
    whole = {version: files for (version, parts), files in sorted(found.items()) if len(files) == parts}
    return max(whole.items(), default=(-1, []))


def _commit_actions(log: Folder, version: int) -> Iterator[Action]:
    for line in log.read(f"{version:020d}.json").splitlines():
        if line.strip():
            yield json.loads(line)


def _checkpoint_actions(log: Folder, name: str) -> Iterator[Action]:
    rows = pq.ParquetFile(io.BytesIO(log.read(name))).read(columns=_CHECKPOINT_COLUMNS)
    for kind in ("protocol", "add"):
        if kind in rows.column_names:
            yield from ({kind: value} for value in rows.column(kind).to_pylist() if value)


def _apply(actions: Iterable[Action], live: dict[tuple[str, str], _File]) -> None:
    """Replay one commit, removals first: a file may come back with another deletion vector."""
    listed = list(actions)
    for action in listed:
        if action.get("protocol"):
            _refuse_unknown(action["protocol"])
        if action.get("remove"):
            live.pop(_identity(action["remove"]), None)
    for action in listed:
        if action.get("add"):
            live[_identity(action["add"])] = _file(action["add"])


def _refuse_unknown(protocol: Action) -> None:
    unknown = sorted(set(protocol.get("readerFeatures") or ()) - _UNDERSTOOD)
    if unknown:
        raise TableError(
            f"the table needs {', '.join(unknown)} to be read", todo="lakehouse history reads it through Spark"
        )


def _identity(file: Action) -> tuple[str, str]:
    vector = file.get("deletionVector") or {}
    return str(file["path"]), f"{vector.get('pathOrInlineDv', '')}@{vector.get('offset')}"


def _file(add: Action) -> _File:
    parsed = add.get("stats_parsed") or {}
    rows = json.loads(add["stats"]).get("numRecords") if add.get("stats") else parsed.get("numRecords")
    deleted = (add.get("deletionVector") or {}).get("cardinality", 0)
    return _File(None if rows is None else rows - deleted, add.get("size") or 0)
