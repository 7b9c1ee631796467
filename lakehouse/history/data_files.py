"""The data files that a log names, compared with those that are there. No Spark."""

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any
from urllib.parse import unquote

from lakehouse.errors import Cause
from lakehouse.folders import Folder
from lakehouse.history.backlog import whole_versions
from lakehouse.history.log import read_actions, removes_rows, table_log, versions
from lakehouse.history.snapshots import live_files
from lakehouse.lakehouse import Lakehouse
from lakehouse.tables import Table

# An absolute path in a log.
_ELSEWHERE = re.compile(r"/|[A-Za-z][\w+.-]+:/")


def own_files(wanted: Mapping[str, int]) -> dict[str, int]:
    """The files in the table's own folder, by their names there. The log of a shallow clone names others too."""
    return {unquote(path): size for path, size in wanted.items() if not _ELSEWHERE.match(path)}


def damaged_files(folder: Folder, wanted: Mapping[str, int]) -> Iterator[tuple[str, str]]:
    """The files that do not have the size that the log says: their paths, and what is wrong with them."""
    names = own_files(wanted)
    sizes = file_sizes(folder, names)
    for name, size in names.items():
        held = sizes.get(name)
        if held != size:
            fault = "missing" if held is None else f"damaged: it has {held:,} bytes of {size:,}"
            yield f"{folder.path}/{name}", "empty" if held == 0 else fault


def file_sizes(folder: Folder, names: Iterable[str]) -> dict[str, int]:
    """The sizes of all files in the folder and in those subfolders that the names have."""
    by_name = {}
    for parent in {name.rpartition("/")[0] for name in names}:
        sizes = (folder / parent if parent else folder).sizes()
        by_name.update({f"{parent}/{name}" if parent else name: size for name, size in sizes.items()})
    return by_name


def unread_files(lake: Lakehouse, table: Table, offset: Mapping[str, Any]) -> dict[str, int]:
    """The data files that a stream reads after this offset. It begins with all files of its starting version.

    It skips a commit that removes rows, as retention's do (`skipChangeCommits`).
    """
    is_starting = offset.get("isStartingVersion")
    after = int(offset["reservoirVersion"]) if is_starting else whole_versions(offset).version
    unread = live_files(lake, table, after) if is_starting else {}
    log = table_log(lake.folder, table)
    for version in versions(log):
        actions = list(read_actions(log, version)) if version > after else []
        if not removes_rows(actions):
            changed = [add for action in actions if (add := action.get("add")) and add.get("dataChange")]
            unread |= {str(add["path"]): int(add["size"]) for add in changed}
    return unread


def checksum_of(path: str) -> str:
    """The path of Hadoop's checksum file of a local file."""
    folder, slash, name = path.rpartition("/")
    return f"{folder}{slash}.{name}.crc"


def paths_named(cause: Cause, root: Folder) -> list[str]:
    """What the cause may name, without a slash in front: also with escapes resolved, and in the root's bucket."""
    if not cause.file:
        return []
    paths = [path.lstrip("/") for path in (cause.file, unquote(cause.file))]
    bucket = root.path.lstrip("/").partition("/")[0]
    return [*paths, *(f"{bucket}/{path}" for path in paths)]
