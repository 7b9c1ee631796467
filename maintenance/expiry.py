"""What a table can lose: the part of its log before a checkpoint, and data files of no version since then.

Every version that the log lists can be read. Nothing here commits to a table, so no writer meets a conflict; a
process that dies leaves files that the next run deletes.
"""

from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from typing import NamedTuple
from urllib.parse import unquote

from lakehouse.compaction import COPY
from lakehouse.folders import Folder, Stored
from lakehouse.history.data_files import checksum_of
from lakehouse.history.log import commit_times, commit_versions, read_actions, table_log
from lakehouse.history.raw_log import LAST_CHECKPOINT, checkpoint_files, require_readable_file
from lakehouse.history.snapshots import live_files
from lakehouse.lakehouse import Lakehouse
from lakehouse.tables import Table
from maintenance.needs import Need

# Whoever reads an older version now is done by then, and a running session has noticed a new checkpoint.
READERS = timedelta(hours=1)
# A writer commits the files that it has written within this time.
_WRITERS = timedelta(days=1)
_LOG = "_delta_log"


class Expiry(NamedTuple):
    """One table: the need that goes back furthest, the version that the log will begin with, and since when.

    `files` are what goes: their paths below the table's folder, and their sizes in bytes.
    """

    table: Table
    need: Need
    begin: int
    since: datetime
    files: Mapping[str, int]

    @property
    def size(self) -> int:
        return sum(self.files.values())

    @property
    def lacks_checkpoint(self) -> bool:
        """Whether the log could begin later if it had a checkpoint there."""
        return self.begin < self.need.version


def expiry(lake: Lakehouse, table: Table, need: Need, *, now: datetime) -> Expiry:
    """What the table can lose at this time and keep every version from the needed one on."""
    folder = lake.folder / table.layer / table.name
    stored = folder.stored()  # before the log: whatever is written from now on is not among them
    begin = _beginning(stored, need.version, now - READERS)
    held = _held(lake, table, begin)
    unheld = {path for path, file in stored.items() if _is_data(path) and file.written_at < now - _WRITERS}
    unheld = {path for path in unheld if _name(path) not in held}
    expired = {path: file.size for path, file in stored.items() if path in unheld or _is_old_log(path, begin)}
    checksums = {checksum_of(path) for path in expired}
    expired |= {path: stored[path].size for path in checksums & stored.keys()}
    return Expiry(table, need, begin, commit_times(folder / _LOG)[begin], expired)


def expire(lake: Lakehouse, found: Expiry) -> None:
    """Delete the files, the log's first and the newest of them first: every version still listed can be read.

    Then write the checkpoint that the log of a later run begins with. No log is deleted before a new checkpoint: a
    running session may still build its state from the old one.
    """
    folder = lake.folder / found.table.layer / found.table.name
    log = sorted((path for path in found.files if path.startswith(_LOG)), reverse=True)
    for path in (*log, *sorted(found.files.keys() - set(log))):
        folder.delete(path)
    if found.lacks_checkpoint:
        add_checkpoint(lake, found.table, found.need.version)


def add_checkpoint(lake: Lakehouse, table: Table, version: int) -> None:
    """Write the log's checkpoint of this version, unless it has one."""
    log = table_log(lake.folder, table)
    if _checkpoints(log.names(), version) != version:
        # Hadoop's checksum of the old hint, which delta-rs does not replace: Spark would refuse the new one
        log.delete(checksum_of(LAST_CHECKPOINT))
        lake.delta(table, version).create_checkpoint()
    for name in checkpoint_files(_up_to(log.names(), version))[1]:
        require_readable_file(log, name)


def _beginning(stored: Mapping[str, Stored], needed: int, before: datetime) -> int:
    """The last checkpoint up to the needed version that was written before this time, else the log's beginning."""
    names = {path.removeprefix(f"{_LOG}/"): file for path, file in stored.items() if _log_name(path)}
    first = commit_versions(names)[0]
    known = [name for name, file in names.items() if file.written_at < before]
    return max(_checkpoints(known, needed), first)


def _checkpoints(names: list[str], up_to: int) -> int:
    """The last complete checkpoint up to this version; -1 if there is none, or one of a kind that is not known."""
    version, _ = checkpoint_files(_up_to(names, up_to))
    return -1 if version is None else version


def _up_to(names: list[str], version: int) -> list[str]:
    return [name for name in names if name[:20].isdigit() and int(name[:20]) <= version]


def _held(lake: Lakehouse, table: Table, begin: int) -> set[str]:
    """The names, unique in a table, of the data and change files of this version and all later ones."""
    held = {_name(unquote(path)) for path in live_files(lake, table, begin)}
    log = table_log(lake.folder, table)
    for version in commit_versions(log.names()):
        if version >= begin:
            held.update(_written(log, version))
    return held


def _written(log: Folder, version: int) -> Iterator[str]:
    for action in read_actions(log, version):
        file = action.get("add") or action.get("cdc")
        if file:
            yield _name(unquote(str(file["path"])))


def _is_old_log(path: str, begin: int) -> bool:
    """Whether the file belongs to a version before the log's new beginning, by its name."""
    number = _log_name(path).lstrip(".")[:20]
    return len(number) == 20 and number.isdigit() and int(number) < begin


def _is_data(path: str) -> bool:
    return path.endswith(".parquet") and not path.startswith((f"{_LOG}/", f"{COPY}/"))


def _log_name(path: str) -> str:
    """The name of a file of the log itself, "" for any other."""
    name = path.removeprefix(f"{_LOG}/")
    return "" if name == path or "/" in name else name


def _name(path: str) -> str:
    return path.rpartition("/")[2]
