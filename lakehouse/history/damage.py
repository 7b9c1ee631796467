"""The missing, empty or truncated file of a checkpoint or table, and the command that repairs it. No Spark."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from itertools import islice
from typing import NamedTuple

from deltalake.exceptions import DeltaError

from lakehouse.errors import Cause, InputError, LakehouseError, TableError
from lakehouse.folders import Folder
from lakehouse.history.backlog import silver_offsets
from lakehouse.history.data_files import (
    checksum_of,
    damaged_files,
    file_sizes,
    own_files,
    paths_named,
    unread_files,
)
from lakehouse.history.log import commit_versions, table_log
from lakehouse.history.raw_log import LAST_CHECKPOINT, checkpoint_files, last_checkpoint, require_readable_file
from lakehouse.history.recovery import remedy
from lakehouse.history.snapshots import live_files
from lakehouse.lakehouse import Lakehouse
from lakehouse.spark.checkpoints import last_batch, line_fault, rebuild, repair
from lakehouse.spark.streams import StreamError
from lakehouse.tables import Table, layer_tables

_STREAMS = ("bronze/events", "bronze/feedback", "silver")
_COPY = "put it back from a copy"
_COMMITS_THERE = "the commits before it are all there"
_FROM_BRONZE = f"{rebuild('silver')} builds silver again from bronze"
# Hadoop's checksum file: 8 bytes, and 4 for every 512 bytes of the file (file.bytes-per-checksum).
_CRC_HEADER, _CRC, _CRC_CHUNK = 8, 4, 512


class DamageError(LakehouseError):
    """A file of a checkpoint or of a table is missing, empty or truncated."""


class Damage(NamedTuple):
    """`path` is the file, `fault` what is wrong with it, `todo` how to repair it.

    `lost` is what the table no longer has: "commits", "rows" of complete commits, or "" for nothing.
    `layer` is the one whose rebuild repairs it, "" if none does.
    """

    path: str
    fault: str
    todo: str
    lost: str = ""
    layer: str = ""

    def error(self, where: str = "") -> LakehouseError:
        """The error to raise; `where` is the stream that the damage stopped."""
        problem = f"{self.path} is {self.fault}"
        return (
            StreamError(f"{where}: {problem}", todo=self.todo) if where else DamageError(problem, todo=self.todo)
        )


def require_whole_logs(root: str, *layers: str) -> None:
    """Raise DamageError if a commit is missing or empty: Delta reads an empty commit as one without rows.

    Reads only names and sizes. A store whose names cannot be listed without Spark is not checked.
    """
    tables = [table for layer in layers for table in layer_tables(layer)]
    _require_none(
        root,
        lambda lake: (
            damage for table in tables for damage in _missing_commits(lake, table, table_log(lake.folder, table))
        ),
    )


def require_whole_checkpoints(root: str) -> None:
    """Raise DamageError if a stream could not start from its checkpoint."""
    _require_none(root, lambda lake: (one for stream in _STREAMS for one in _checkpoint_damage(lake, stream)))


def _require_none(root: str, look: Callable[[Lakehouse], Iterator[Damage]]) -> None:
    lake = Lakehouse(root)
    try:
        first = next(look(lake), None)
        # a stream may have written while the names were being listed
        is_lasting = first is not None and first == next(look(lake), None)
    except (InputError, OSError):
        return
    if first is not None and is_lasting:
        raise recoverable(lake, first).error()


def recoverable(lake: Lakehouse, damage: Damage) -> Damage:
    """The same, with the stream's own recovery as the repair if it can set the file aside without loss."""
    return damage._replace(todo=remedy(lake, damage.path) or damage.todo)


def table_damage(root: str, table: Table) -> Damage | None:
    """The first damaged file whose loss costs the table commits or rows; None if pyarrow cannot read the root."""
    try:
        return next((one for one in _table_damage(Lakehouse(root), table) if one.lost), None)
    except (InputError, OSError, ValueError):
        return None


def broken_logs(root: str, layer: str) -> list[tuple[Table, Damage]]:
    """The tables whose log is gone, or which Delta cannot read, or reads without some of its commits.

    None of them if pyarrow cannot read the root. Raises DamageError if such a table cannot be rebuilt from the
    layer before it.
    """
    lake = Lakehouse(root)
    try:
        broken = [
            (table, damage) for table in layer_tables(layer) for damage in islice(_broken_log(lake, table), 1)
        ]
        lasting = [damage for table, damage in broken if _is_decided(lake, table)]
    except (InputError, OSError, ValueError):
        return []
    if lasting:
        raise lasting[0].error()
    return broken


def _broken_log(lake: Lakehouse, table: Table) -> Iterator[Damage]:
    yield from (one for one in _table_damage(lake, table) if one.lost == "commits")
    log = table_log(lake.folder, table)
    is_filled = any(name != "_delta_log" for name in (lake.folder / table.layer / table.name).names())
    if is_filled and not commit_versions(log.names()):
        yield _table_fault(lake, table, log.path, "without a commit", "commits")


def all_damage(lake: Lakehouse) -> Iterator[Damage]:
    for stream in _STREAMS:
        yield from _checkpoint_damage(lake, stream)
    tables = (*layer_tables("bronze"), *layer_tables("silver"))
    for table in tables:
        yield from _table_damage(lake, table)
    for table in layer_tables("bronze"):
        yield from _readable_part(_unread_damage(lake, table))
    yield from _damaged_checksums(_checkpoint_names(lake))
    for table in tables:
        yield from _readable_part(_damaged_checksums(_table_names(lake, table)))


def _readable_part(damages: Iterator[Damage]) -> Iterator[Damage]:
    """The damage found before a log that is damaged itself, or needs a feature that delta-rs lacks."""
    with suppress(TableError, DeltaError, FileNotFoundError, ValueError, KeyError, TypeError):
        yield from damages


def _checkpoint_damage(lake: Lakehouse, stream: str) -> Iterator[Damage]:
    """Damage to the files that Spark reads when a stream starts: its id, last two offsets and last commit."""
    folder = lake.folder / "checkpoints" / stream
    began, ended = (last_batch(folder / log) for log in ("offsets", "commits"))
    if began < 0 and ended < 0:
        return
    names = [f"offsets/{batch}" for batch in (max(began, ended), max(began, ended) - 1) if batch >= 0]
    for name in ["metadata", *names, *([f"commits/{ended}"] if ended >= 0 else [])]:
        try:
            fault = line_fault(name, folder.read(name).decode(errors="replace"))
        except FileNotFoundError:
            fault = "missing"
        if fault:
            layer = stream.split("/")[0]
            yield Damage(f"{folder.path}/{name}", fault, repair(layer), layer=layer)


def _table_damage(lake: Lakehouse, table: Table) -> Iterator[Damage]:
    log = table_log(lake.folder, table)
    faults = list(_missing_commits(lake, table, log)) or list(_unreadable_log(lake, table, log))
    yield from faults
    if not faults and commit_versions(log.names()):
        yield from _readable_part(_damaged_rows(lake, table))


def _damaged_rows(lake: Lakehouse, table: Table) -> Iterator[Damage]:
    for path, fault in damaged_files(lake.folder / table.layer / table.name, live_files(lake, table)):
        yield _table_fault(lake, table, path, fault, "rows")


def _missing_commits(lake: Lakehouse, table: Table, log: Folder) -> Iterator[Damage]:
    sizes = log.sizes()
    begin, parts = checkpoint_files(sizes)
    if begin is None:
        return
    # Delta writes a checksum after each commit
    ends = [int(name[:20]) for name in sizes if name[:20].isdigit() and name[20:] in (".json", ".crc")]
    for version in range(begin + 1, max(ends, default=begin) + 1):
        name = f"{version:020d}.json"
        if not sizes.get(name):
            fault = "empty" if name in sizes else "missing"
            yield _table_fault(lake, table, f"{log.path}/{name}", fault, "commits")
    for name in parts:
        if not sizes[name]:
            yield _broken_checkpoint(lake, table, log, name, "empty")


def _unreadable_log(lake: Lakehouse, table: Table, log: Folder) -> Iterator[Damage]:
    names = log.names()
    begin, parts = checkpoint_files(names)
    for name in parts:
        if not _readable(log, name):
            yield _broken_checkpoint(lake, table, log, name, "cut or damaged")
    for version in commit_versions(names):
        name = f"{version:020d}.json"
        if begin is not None and version > begin and not _readable(log, name):
            yield _table_fault(lake, table, f"{log.path}/{name}", "cut or damaged", "commits")
    expected = last_checkpoint(log)
    if begin is not None and begin < expected:
        name = f"{expected:020d}.checkpoint.parquet"
        yield Damage(f"{log.path}/{name}", "missing", f"delete {LAST_CHECKPOINT} beside it: {_COMMITS_THERE}")


def _readable(log: Folder, name: str) -> bool:
    try:
        require_readable_file(log, name)
    except (ValueError, OSError):  # includes pyarrow's and json's own errors
        return False
    return True


def _broken_checkpoint(lake: Lakehouse, table: Table, log: Folder, name: str, fault: str) -> Damage:
    """Damage to a log's checkpoint. Without it Delta reads the commits from the first one, if all still exist."""
    version, path = int(name[:20]), f"{log.path}/{name}"
    if set(range(version + 1)) <= set(commit_versions(log.names())):
        return Damage(path, fault, f"delete that file and {LAST_CHECKPOINT} beside it: {_COMMITS_THERE}")
    return _table_fault(lake, table, path, fault, "commits")


def _unread_damage(lake: Lakehouse, table: Table) -> Iterator[Damage]:
    """Damage to files that bronze no longer needs but silver has yet to read: VACUUM deleted them.

    Without a position silver begins with the table's latest version, so it needs nothing else.
    """
    offset = (silver_offsets(lake.folder) or {}).get(table.sql_name)
    if offset is not None:
        unread = unread_files(lake, table, offset)
        for path, fault in damaged_files(lake.folder / table.layer / table.name, unread):
            yield Damage(path, fault, _FROM_BRONZE, "rows", "silver")


def _checkpoint_names(lake: Lakehouse) -> Iterator[tuple[Folder, list[str]]]:
    for stream in _STREAMS:
        folder = lake.folder / "checkpoints" / stream
        for part in (folder, folder / "offsets", folder / "commits"):
            yield part, part.names()


def _table_names(lake: Lakehouse, table: Table) -> Iterator[tuple[Folder, list[str]]]:
    log = table_log(lake.folder, table)
    names = log.names()
    if commit_versions(names):
        yield log, names
        yield lake.folder / table.layer / table.name, list(own_files(live_files(lake, table)))


def _damaged_checksums(wanted: Iterable[tuple[Folder, list[str]]]) -> Iterator[Damage]:
    """Damage to Hadoop's checksums of local files: readers trust them and fail with `Read past End of File`."""
    for folder, names in wanted:
        sizes = file_sizes(folder, names)
        for name in names:
            checksum = checksum_of(name)
            held = sizes.get(checksum)
            if held is not None and held != _CRC_HEADER + _CRC * -(-sizes.get(name, 0) // _CRC_CHUNK):
                fault = "cut or damaged" if held else "empty"
                yield Damage(f"{folder.path}/{checksum}", fault, "delete that file: it is only a checksum")


def unreadable(lake: Lakehouse, cause: Cause) -> Iterator[Damage]:
    """The data file that the cause names: it exists and has the right size, and its table needs it."""
    for table in (*layer_tables("bronze"), *layer_tables("silver")):
        yield from _readable_part(_unreadable_rows(lake, table, cause))


def _unreadable_rows(lake: Lakehouse, table: Table, cause: Cause) -> Iterator[Damage]:
    folder, log = lake.folder / table.layer / table.name, table_log(lake.folder, table)
    start = f"{folder.path.lstrip('/')}/"  # a store's path begins with its bucket
    for path in paths_named(cause, lake.folder):
        name = path.removeprefix(start)
        if not path.startswith(start) or not commit_versions(log.names()):
            continue
        needed = own_files(live_files(lake, table))
        if name in needed and file_sizes(folder, [name]).get(name) == needed[name]:
            damage = _table_fault(lake, table, f"{folder.path}/{name}", f"damaged ({cause.message})", "rows")
            yield damage._replace(todo=f"{_COPY}; without one delete it, and: {damage.todo}")


def _table_fault(lake: Lakehouse, table: Table, path: str, fault: str, lost: str) -> Damage:
    layer = "" if _is_decided(lake, table) else table.layer
    return Damage(path, fault, _repair(lake, table), lost, layer)


def _repair(lake: Lakehouse, table: Table) -> str:
    if _is_decided(lake, table):
        return f"{_COPY}: nothing else holds what people decided"
    if table.layer == "silver":
        return _FROM_BRONZE
    return (
        f"{_COPY}; or read Kafka again: {rebuild('bronze')}, then lakehouse run --select bronze, then "
        f"{rebuild('silver')}"
    )


def _is_decided(lake: Lakehouse, table: Table) -> bool:
    """Whether the table has rows that nothing can restore: files of decisions, whatever its log says."""
    if not table.decided:
        return False
    return any(name.endswith(".parquet") for name in (lake.folder / table.layer / table.name).names())
