"""Physically removing what only older versions of the tables hold, before the time-travel window has passed."""

from collections.abc import Iterator, Mapping
from urllib.parse import unquote

from lakehouse.compaction import COPY
from lakehouse.folders import Folder
from lakehouse.history.backlog import silver_restarts_from
from lakehouse.history.commits import last_stream_commit
from lakehouse.history.data_files import checksum_of
from lakehouse.history.snapshots import hidden_rows, live_files
from lakehouse.lakehouse import Lakehouse, unmatched
from lakehouse.tables import Table
from lakehouse.tables.declaration import APPEND_ONLY, CHANGEABLE
from maintenance.expiry import add_checkpoint
from operations.person.commits import note
from operations.person.forgetting import TABLES


def let_rows_change(lake: Lakehouse) -> None:
    """Lift the property by which Delta refuses to change or remove rows. `purge` sets it again."""
    for table in _existing(lake):
        opened = lake.delta(table)
        if APPEND_ONLY.items() <= opened.metadata().configuration.items():
            opened.alter.set_table_properties(dict(CHANGEABLE))


def purge(lake: Lakehouse, *, keep_days: int) -> dict[str, int]:
    """Delete every file of older versions; by table, the first version that can still be read.

    Bronze keeps the commits that its own stream and silver's need to start again. They hold no value of a record:
    Delta's statistics of bronze are about offsets and times.
    """
    needed = silver_restarts_from(lake.folder)
    return {table.sql_name: _purge(lake, table, needed, keep_days) for table in _existing(lake)}


def _purge(lake: Lakehouse, table: Table, needed: Mapping[str, int], keep_days: int) -> int:
    if hidden_rows(lake.delta(table)):
        _rewrite(lake, table)
    _commit(lake, table, keep_days)
    last = lake.version(table)
    begin = min(last, needed.get(table.sql_name, last), *_last_append(lake, table))
    for version in sorted({begin, last}):
        add_checkpoint(lake, table, version)
    held = {unquote(path) for path in live_files(lake, table)}
    folder = lake.folder / table.layer / table.name
    folder.delete(COPY)
    for path in list(_outdated(folder, held, begin)):
        folder.delete(path)
        folder.delete(checksum_of(path))
    return last


def _rewrite(lake: Lakehouse, table: Table) -> None:
    """Write all rows again: the files also hold rows that deletion vectors only hide."""
    merger = unmatched(lake.delta(table), lake.read(table), note(lake, table))
    merger.when_not_matched_insert_all().when_not_matched_by_source_delete().execute()


def _commit(lake: Lakehouse, table: Table, keep_days: int) -> None:
    """A commit that names nobody, for the log to begin with."""
    opened = lake.delta(table)
    if table.append_only:
        loses_rows = table.layer == "bronze" and keep_days
        opened.alter.set_table_properties(dict(CHANGEABLE if loses_rows else APPEND_ONLY))
    else:
        opened.create_write_transaction([], "append", opened.schema(), commit_properties=note(lake, table))


def _last_append(lake: Lakehouse, table: Table) -> list[int]:
    """The last commit of bronze's stream, with which it compares its checkpoint."""
    last = last_stream_commit(lake, table) if table.layer == "bronze" else None
    return [] if last is None else [last.version]


def _outdated(folder: Folder, held: set[str], begin: int) -> Iterator[str]:
    """Data and change files that the newest version does not have, and the log before `begin`."""
    for path in folder.stored():
        name = path.removeprefix("_delta_log/")
        if name == path:
            if path.endswith(".parquet") and path not in held:
                yield path
        elif (number := name.lstrip(".")[:20]).isdigit() and len(number) == 20 and int(number) < begin:
            yield path


def _existing(lake: Lakehouse) -> list[Table]:
    return [table for table in TABLES if lake.exists(table)]
