"""Files on this machine's disk: an operating system keeps new ones in memory for half a minute, unless asked."""

import os
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import unquote

from lakehouse.folders import open_folder
from lakehouse.history.log import read_actions
from lakehouse.paths import decoded_file_address, is_address
from lakehouse.settings import load_settings

if TYPE_CHECKING:
    from deltalake import DeltaTable

_THREADS = 8


def sync(paths: Iterable[Path]) -> None:
    """Wait until the content of these files and the entries of these folders are on the disk.

    All at once: the disk then empties its cache once. With `durable = false` in the settings, this does nothing.
    """
    if load_settings().durable:
        with ThreadPoolExecutor(_THREADS) as threads:
            list(threads.map(_sync, paths))


def sync_below(path: str) -> None:
    """Wait until everything in this folder is on the disk. A store needs nothing."""
    if not is_address(path):
        sync([*Path(path).rglob("*"), Path(path)])


@contextmanager
def commits_synced(*tables: "DeltaTable") -> Iterator[None]:
    """At the end of the block, wait until what it committed to these tables is on the disk.

    Also if it failed: whoever repeats it finds those commits, and has nothing to write.
    """
    local = {decoded_file_address(one.table_uri): one for one in tables if one.table_uri.startswith("file:")}
    before = {path: table.version() for path, table in local.items()}
    try:
        yield
    finally:
        sync_commits({path: range(before[path] + 1, table.version() + 1) for path, table in local.items()})


def sync_commits(commits: Mapping[str, Iterable[int]]) -> None:
    """Wait until these versions of tables, by path, are on the disk with the files that their commits name.

    delta-rs leaves that to the operating system. A table in a store needs nothing.
    """
    files: set[Path] = set()
    folders: set[Path] = set()
    for path, versions in commits.items():
        if not is_address(path):
            new = {Path(path, name) for version in versions for name in _written(path, version)}
            files |= new
            folders |= {folder for file in new for folder in file.parents if folder.is_relative_to(path)}
            if 0 in versions:  # the folders above it may be new too
                folders |= {folder for folder in Path(path).parents if os.access(folder, os.R_OK)}
    sync(files)
    sync(folders)


def _written(path: str, version: int) -> Iterator[str]:
    """The commit's own file and the new ones that it names, below the table's path."""
    yield f"_delta_log/{version:020d}.json"
    for action in read_actions(open_folder(f"{path}/_delta_log"), version):
        new = action.get("add") or action.get("cdc")
        if new:
            yield unquote(new["path"])


def _sync(path: Path) -> None:
    with suppress(FileNotFoundError):  # maintenance deletes the files of old versions
        descriptor = os.open(path, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
