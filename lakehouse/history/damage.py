"""The missing, empty or truncated file of a checkpoint or table, and the command that repairs it. No Spark."""

from collections.abc import Callable, Iterator, Mapping
from typing import NamedTuple
from urllib.parse import unquote

from lakehouse.errors import (
    BrokerError,
    Cause,
    CheckFailedError,
    InputError,
    LakehouseError,
    MachineError,
    SettingsError,
    TableError,
    root_cause,
)
from lakehouse.folders import Folder, open_folder
from lakehouse.history.backlog import silver_positions
from lakehouse.history.snapshots import checkpoint_files, commit_versions, live_files, read_actions, table_log
from lakehouse.locks import RunningError
from lakehouse.spark.checkpoints import line_fault, rebuild, repair
from lakehouse.spark.streams import StreamError
from lakehouse.tables import SILVER_CORRECTIONS, Table, layer_tables

_STREAMS = ("bronze/events", "bronze/feedback", "silver")
_COPY = "put it back from a copy"
_FROM_BRONZE = f"{rebuild('silver')} makes silver anew from bronze"
# Hadoop's checksum file: 8 bytes, and 4 for every 512 bytes of the file (file.bytes-per-checksum).
_CRC_HEADER, _CRC, _CRC_CHUNK = 8, 4, 512


class DamageError(LakehouseError):
    """A file of a checkpoint or of a table is missing, empty or truncated."""


# These already say what is wrong, whatever else may be damaged.
_OTHER_CAUSES = (
    *(BrokerError, CheckFailedError, DamageError, MachineError, RunningError, SettingsError),
    *(BrokenPipeError, PermissionError),
)


class Damage(NamedTuple):
    """`path` is the file, `fault` what is wrong with it, `todo` how to repair it.

    `lost` is what the table no longer has: "commits", "rows" of complete commits, or "" for nothing.
    """

    path: str
    fault: str
    todo: str
    lost: str = ""

    def error(self, where: str = "") -> LakehouseError:
        """The error to raise; `where` is the stream that the damage stopped."""
        told = f"{self.path} is {self.fault}"
        return StreamError(f"{where}: {told}", todo=self.todo) if where else DamageError(told, todo=self.todo)


def explained(root: str, error: Exception) -> Exception:
    """The error that names the damaged bronze or silver file behind this one; this one if there is none."""
    if isinstance(error, _OTHER_CAUSES):
        return error
    cause = root_cause(error)
    if isinstance(error, InputError) and not cause.file:
        return error
    try:
        folder = open_folder(root)
        found = next(_all_damage(folder), None)
        if found is None and not isinstance(error, TableError):  # these say what to do about an old version
            found = _unreadable(folder, cause)
    except (InputError, OSError, ValueError):  # pyarrow cannot read the root, or the log is of an unknown kind
        return error
    if found is None:
        return error
    return found.error(error.problem.partition(": ")[0] if isinstance(error, StreamError) else "")


def require_whole_logs(root: str, *layers: str) -> None:
    """Raise DamageError if a commit is missing or empty: Delta reads an empty commit as one without rows.

    Reads only names and sizes. A store whose names cannot be listed without Spark is not checked.
    """
    tables = [table for layer in layers for table in layer_tables(layer)]
    _require_none(
        root,
        lambda folder: (
            damage
            for table in tables
            for damage in _missing_commits(folder, table, table_log(folder, table.sql_name))
        ),
    )


def require_whole_checkpoints(root: str) -> None:
    """Raise DamageError if a stream could not start from its checkpoint."""
    _require_none(root, lambda folder: (one for stream in _STREAMS for one in _checkpoint_damage(folder, stream)))


def _require_none(root: str, look: Callable[[Folder], Iterator[Damage]]) -> None:
    try:
        folder = open_folder(root)
        found = next(look(folder), None)
        # a stream may have written while the names were being listed
        is_lasting = found is not None and found == next(look(folder), None)
    except (InputError, OSError):
        return
    if found is not None and is_lasting:
        raise found.error()


def table_damage(root: Folder, table: Table) -> Damage | None:
    """The first damaged file whose loss costs the table commits or rows."""
    return next((one for one in _table_damage(root, table) if one.lost), None)


def broken_logs(root: Folder, layer: str) -> list[tuple[Table, Damage]]:
    """The tables whose log Delta cannot read, or reads without some of its commits.

    Raises DamageError if such a table cannot be rebuilt from the layer before it.
    """
    found = []
    for table in layer_tables(layer):
        damage = next((one for one in _table_damage(root, table) if one.lost == "commits"), None)
        if damage is not None and _is_decided(root, table):
            raise damage.error()
        if damage is not None:
            found.append((table, damage))
    return found


def _all_damage(root: Folder) -> Iterator[Damage]:
    for stream in _STREAMS:
        yield from _checkpoint_damage(root, stream)
    for layer in ("bronze", "silver"):
        for table in layer_tables(layer):
            yield from _table_damage(root, table)
    yield from _unread_damage(root)
    yield from _damaged_checksums(root)


def _checkpoint_damage(root: Folder, stream: str) -> Iterator[Damage]:
    """Damage to the files that Spark reads when a stream starts: its id, last two offsets and last commit."""
    folder = root / "checkpoints" / stream
    began, ended = (
        max((int(name) for name in (folder / log).names() if name.isdigit()), default=-1)
        for log in ("offsets", "commits")
    )
    if began < 0 and ended < 0:
        return
    names = [f"offsets/{batch}" for batch in (max(began, ended), max(began, ended) - 1) if batch >= 0]
    for name in ["metadata", *names, *([f"commits/{ended}"] if ended >= 0 else [])]:
        try:
            fault = line_fault(name, folder.read(name).decode(errors="replace"))
        except FileNotFoundError:
            fault = "missing"
        if fault:
            yield Damage(f"{folder.path}/{name}", fault, repair(stream.split("/")[0]))


def _table_damage(root: Folder, table: Table) -> Iterator[Damage]:
    log = table_log(root, table.sql_name)
    faults = list(_missing_commits(root, table, log)) or list(_unreadable_log(root, table, log))
    yield from faults
    if not faults and commit_versions(log.names()):
        folder = root / table.layer / table.name
        yield from _damaged_files(folder, live_files(log), _repair(root, table))


def _missing_commits(root: Folder, table: Table, log: Folder) -> Iterator[Damage]:
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
            yield Damage(f"{log.path}/{name}", fault, _repair(root, table), "commits")
    for name in parts:
        if not sizes[name]:
            yield _broken_checkpoint(root, table, log, name, "empty")


def _unreadable_log(root: Folder, table: Table, log: Folder) -> Iterator[Damage]:
    names = log.names()
    begin, parts = checkpoint_files(names)
    for name in parts:
        if not _readable(log, name):
            yield _broken_checkpoint(root, table, log, name, "cut or damaged")
    for version in commit_versions(names):
        name = f"{version:020d}.json"
        if begin is not None and version > begin and not _readable(log, name):
            yield Damage(f"{log.path}/{name}", "cut or damaged", _repair(root, table), "commits")


def _readable(log: Folder, name: str) -> bool:
    try:
        for _ in read_actions(log, name):
            pass
    except (ValueError, OSError):  # includes pyarrow's and json's own errors
        return False
    return True


def _broken_checkpoint(root: Folder, table: Table, log: Folder, name: str, fault: str) -> Damage:
    """Damage to a log's checkpoint. Without it Delta reads the commits from the first one, if all still exist."""
    version = int(name[:20])
    is_spare = set(range(version + 1)) <= set(commit_versions(log.names()))
    todo = "delete that file: the commits before it are all there" if is_spare else _repair(root, table)
    return Damage(f"{log.path}/{name}", fault, todo, "" if is_spare else "commits")


def _damaged_files(folder: Folder, wanted: Mapping[str, int], todo: str) -> Iterator[Damage]:
    sizes = folder.sizes()
    for path, size in wanted.items():
        name = unquote(path)
        held = sizes.get(name)
        if held != size:
            fault = "missing" if held is None else f"damaged: it has {held:,} bytes of {size:,}"
            yield Damage(f"{folder.path}/{name}", "empty" if held == 0 else fault, todo, "rows")


def _unread_damage(root: Folder) -> Iterator[Damage]:
    """Damage to files that bronze no longer needs but silver has yet to read: VACUUM deleted them."""
    positions = silver_positions(root) or {}
    for table in layer_tables("bronze"):
        log = table_log(root, table.sql_name)
        after = positions[table.sql_name].version if table.sql_name in positions else -1
        unread = {
            str(action["add"]["path"]): int(action["add"]["size"])
            for version in commit_versions(log.names())
            if version > after
            for action in read_actions(log, f"{version:020d}.json")
            if action.get("add", {}).get("dataChange")
        }
        yield from _damaged_files(root / table.layer / table.name, unread, _FROM_BRONZE)


def _damaged_checksums(root: Folder) -> Iterator[Damage]:
    """Damage to Hadoop's checksums of local files: readers trust them and fail with `Read past End of File`."""
    streams = [root / "checkpoints" / stream for stream in _STREAMS]
    folders = [folder for stream in streams for folder in (stream, stream / "offsets", stream / "commits")]
    wanted = [(folder, folder.names()) for folder in folders]
    for table in (*layer_tables("bronze"), *layer_tables("silver")):
        log = table_log(root, table.sql_name)
        names = log.names()
        if commit_versions(names):
            wanted += [
                (log, names),
                (root / table.layer / table.name, [unquote(name) for name in live_files(log)]),
            ]
    for folder, names in wanted:
        sizes = folder.sizes()
        for name in names:
            checksum = f".{name}.crc"
            held = sizes.get(checksum)
            if held is not None and held != _CRC_HEADER + _CRC * -(-sizes.get(name, 0) // _CRC_CHUNK):
                fault = "cut or damaged" if held else "empty"
                yield Damage(f"{folder.path}/{checksum}", fault, "delete that file: it is only a checksum")


def _unreadable(root: Folder, cause: Cause) -> Damage | None:
    """The data file that the cause names: it exists and has the right size, and its table needs it."""
    for table in (*layer_tables("bronze"), *layer_tables("silver")):
        folder, log = root / table.layer / table.name, table_log(root, table.sql_name)
        start = f"{folder.path.lstrip('/')}/"  # a store's path begins with its bucket
        for path in (cause.file.lstrip("/"), unquote(cause.file).lstrip("/")):
            name = path.removeprefix(start)
            if path.startswith(start) and name in {unquote(needed) for needed in live_files(log)}:
                todo = f"{_COPY}; without one delete it, and: {_repair(root, table)}"
                return Damage(f"{folder.path}/{name}", f"damaged ({cause.message})", todo, "rows")
    return None


def _repair(root: Folder, table: Table) -> str:
    if _is_decided(root, table):
        return f"{_COPY}: nothing else holds what people decided"
    if table.layer == "silver":
        return _FROM_BRONZE
    return (
        f"{_COPY}; or read Kafka again: {rebuild('bronze')}, then lakehouse run --select bronze, then "
        f"{rebuild('silver')}"
    )


def _is_decided(root: Folder, table: Table) -> bool:
    """Whether the table has rows that nothing can restore: files of decisions, whatever its log says."""
    if table != SILVER_CORRECTIONS:
        return False
    return any(name.endswith(".parquet") for name in (root / table.layer / table.name).names())
