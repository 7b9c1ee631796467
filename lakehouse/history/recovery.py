"""What a power failure leaves of files that nothing has synced: the newest of a log or checkpoint, empty or cut.

A stream sets them aside when it starts, if it then does again what they recorded and nobody has read it. Otherwise
they stay, and `lakehouse.history.damage` names them with the command that repairs them. No Spark.
"""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from itertools import takewhile
from typing import NamedTuple

from deltalake.exceptions import DeltaError

from lakehouse.compaction import delete_copy
from lakehouse.durability import sync_commits
from lakehouse.errors import LakehouseError, report
from lakehouse.folders import Folder
from lakehouse.history.backlog import SILVER_SOURCES, latest_lineage
from lakehouse.history.commits import KEEP_ROWS, stream_batch
from lakehouse.history.data_files import checksum_of, damaged_files
from lakehouse.history.log import commit_versions, read_actions, read_commit, table_log
from lakehouse.history.raw_log import checkpoint_files
from lakehouse.lakehouse import Lakehouse, select
from lakehouse.paths import is_address
from lakehouse.spark.checkpoints import Checkpoint, delta_positions, read_checkpoint
from lakehouse.spark.rollback import batches, rollback, torn_batches
from lakehouse.tables import SILVER_BATCHES, Table, layer_tables

# The streams of each layer, and the tables that each writes.
_STREAMS: Mapping[str, Mapping[str, Sequence[Table]]] = {
    "bronze": {f"bronze/{table.name}": (table,) for table in SILVER_SOURCES},
    "silver": {"silver": layer_tables("silver")},
}
# A batch makes one commit to a table by delta-rs, and one that joins small files.
_COMMITS_OF_A_BATCH = 2

# The newest commits of each table that are lost, the last one first.
Torn = Mapping[str, Sequence[int]]


class Cut(NamedTuple):
    """A log or checkpoint and the names of its files that have to go, those first that were written last."""

    folder: Folder
    names: Sequence[str]


class Recorded(NamedTuple):
    """The last batch that a stream's tables hold completely, -1 for none, and the versions that it left."""

    batch: int
    versions: Mapping[str, int]


def recover(lake: Lakehouse, layer: str) -> None:
    """Set aside what a power failure has left of the newest files, one line on stderr for each.

    Then make sure that a process that was killed has not left a half joined copy of a table, or commits that only
    the operating system's memory has.
    A store loses nothing of what it has confirmed.
    """
    if is_address(lake.root):
        return
    for stream, tables in _STREAMS[layer].items():
        for cut in cuts(lake, stream, tables):
            for name in cut.names:
                aside = _set_aside(cut.folder, name)
                report(f"power failure: {cut.folder.path}/{name} is set aside as {aside}, its batch runs again")
        for table in tables:
            delete_copy(lake, table)
        _sync_newest(lake, tables)


def remedy(lake: Lakehouse, path: str) -> str:
    """The command that sets this file aside, and what it does; "" if none does."""
    for layer, streams in _STREAMS.items():
        for stream, tables in streams.items():
            found = [f"{cut.folder.path}/{name}" for cut in cuts(lake, stream, tables) for name in cut.names]
            if path in found:
                return f"lakehouse run --select {layer} sets it aside and runs its batch again"
    return ""


def cuts(lake: Lakehouse, stream: str, tables: Sequence[Table]) -> list[Cut]:
    """What to set aside so that the stream starts and loses nothing; empty if there is no such way, or no need."""
    try:
        torn = {table.sql_name: torn_commits(lake, table) for table in tables}
        checkpoint = read_checkpoint(lake.folder, stream)
        if checkpoint is None or any(table.decided and torn[table.sql_name] for table in tables):
            return []
        faulty = torn_batches(checkpoint)
        if not any([*torn.values(), *faulty.values()]):
            return []
        recorded = _recorded(lake, checkpoint, tables, torn)
        if recorded is None or _are_read(lake, torn):
            return []
        gone = rollback(checkpoint, faulty, recorded.batch, has_torn_commits=any(torn.values()))
    except (LakehouseError, DeltaError, OSError, ValueError, KeyError):  # damage of another kind
        return []
    if gone is None:
        return []
    in_logs = [Cut(table_log(lake.folder, table), _names(lake, table, torn[table.sql_name])) for table in tables]
    return [*(Cut(checkpoint.folder / log, names) for log, names in gone.items()), *in_logs]


def torn_commits(lake: Lakehouse, table: Table) -> list[int]:
    """The table's newest commits if they, or files that they added, are empty or cut: the last commit first."""
    sizes = table_log(lake.folder, table).sizes()
    begin, _ = checkpoint_files(sizes)
    if begin is None:
        return []
    newest = [version for version in commit_versions(sizes) if version > begin]
    return list(takewhile(lambda version: not _is_whole(lake, table, version), reversed(newest)))


def _is_whole(lake: Lakehouse, table: Table, version: int) -> bool:
    try:
        actions = [*read_actions(table_log(lake.folder, table), version)]
    except ValueError:
        return False
    new = [action[kind] for action in actions for kind in ("add", "cdc") if kind in action]
    added = {str(file["path"]): int(file["size"]) for file in new}
    return bool(actions) and not any(damaged_files(lake.folder / table.layer / table.name, added))


def _recorded(lake: Lakehouse, checkpoint: Checkpoint, tables: Sequence[Table], torn: Torn) -> Recorded | None:
    """What the tables hold without their torn commits; None if this cannot be another state of this stream."""
    if any(0 in versions for versions in torn.values()):  # nothing would be left of a table
        return None
    if SILVER_BATCHES not in tables:
        return _appended(lake, checkpoint, tables[0], torn[tables[0].sql_name])
    whole = {table.sql_name: _before(lake, table, torn[table.sql_name]) for table in tables}
    recorded = _in_batches(lake, checkpoint, whole[SILVER_BATCHES.sql_name])
    if recorded is None or any(whole.get(name, -1) < version for name, version in recorded.versions.items()):
        return None
    return recorded


def _before(lake: Lakehouse, table: Table, torn: Sequence[int]) -> int:
    """The table's last whole version; -1 if there is none."""
    return torn[-1] - 1 if torn else max(lake.versions(table), default=-1)


def _appended(lake: Lakehouse, checkpoint: Checkpoint, table: Table, torn: Sequence[int]) -> Recorded | None:
    """The batch of bronze's last append, which its commit names."""
    log = table_log(lake.folder, table)
    for version in lake.versions(table)[-len(torn) - 1 :: -1]:
        commit = read_commit(log, version)
        if commit.operation in KEEP_ROWS:
            continue
        batch = stream_batch(commit)
        return Recorded(batch.number, {}) if batch and batch.query_id == checkpoint.query_id else None
    return Recorded(-1, {})


def _in_batches(lake: Lakehouse, checkpoint: Checkpoint, version: int) -> Recorded | None:
    """The last row of this version of silver.batches, which exists in every complete silver."""
    if version < 0:
        return None
    columns = ["query_id", "batch_id", "silver_versions"]
    rows = select(lake.delta(SILVER_BATCHES, version), columns=columns).to_pylist()
    if any(row["query_id"] != checkpoint.query_id for row in rows):
        return None
    last = max(rows, key=lambda row: row["batch_id"], default=None)
    return Recorded(last["batch_id"], dict(last["silver_versions"])) if last else Recorded(-1, {})


def _are_read(lake: Lakehouse, torn: Torn) -> bool:
    """Whether silver's stream or a gold table has read one of these commits."""
    if not any(torn.values()):
        return False
    read = _read_by_silver(lake)
    for table in layer_tables("gold"):
        for name, version in (latest_lineage(lake, table) or {}).items():
            read[name] = max(version, read.get(name, -1))
    return any(versions and read.get(name, -1) >= versions[-1] for name, versions in torn.items())


def _read_by_silver(lake: Lakehouse) -> dict[str, int]:
    """The last version of each bronze table that a batch of silver's whole checkpoint reads, done or planned."""
    checkpoint = read_checkpoint(lake.folder, "silver")
    if checkpoint is None:
        return {}
    whole = set(batches(checkpoint, "offsets")) - set(torn_batches(checkpoint)["offsets"])
    if not whole:
        return {}
    names = [table.sql_name for table in SILVER_SOURCES]
    # index -1 stands before the version's first file: as_position counts that version as not read
    return {name: one.version for name, one in delta_positions(checkpoint, max(whole), names).items()}


def _names(lake: Lakehouse, table: Table, torn: Sequence[int]) -> list[str]:
    """The files of these commits, each after Delta's checksum of its version, which shows that it existed."""
    held = set(table_log(lake.folder, table).names())
    names = [f"{version:020d}{suffix}" for version in torn for suffix in (".crc", ".json")]
    return [name for name in names if name in held]


def _set_aside(folder: Folder, name: str) -> str:
    """Rename a file so that nobody takes it for part of its log; Hadoop's checksum of it goes with it."""
    stamp = datetime.now(UTC).strftime("%Y%m%dT%H%M%S")
    aside = f".{name}.before-{stamp}"
    if checksum_of(name) in folder.names():
        (folder / checksum_of(name)).move(folder / f"{aside}.crc")
    (folder / name).move(folder / aside)
    return aside


def _sync_newest(lake: Lakehouse, tables: Sequence[Table]) -> None:
    with suppress(ValueError, OSError):  # damage, which is reported when the stream reads the table
        sync_commits({lake.path(table): lake.versions(table)[-_COMMITS_OF_A_BATCH:] for table in tables})
