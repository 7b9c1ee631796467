"""Joining a table's small files in process, in a commit that changes no row. Local tables only.

delta-rs joins them in a fraction of the time that Spark needs, but it does not notice that another writer has
removed the same files meanwhile, and then doubles their rows. So it joins in a copy of the table that consists of
links, and its commit becomes the table's by one more link, which fails if there is a commit of that version
(docs/decisions/0024-small-files-are-joined-by-links.md).
"""

import os
import shutil
from pathlib import Path
from urllib.parse import unquote

from deltalake import DeltaTable
from deltalake.exceptions import DeltaError

from lakehouse.durability import sync
from lakehouse.errors import first_line, report
from lakehouse.folders import open_folder
from lakehouse.history.log import commit_versions, read_actions, table_log
from lakehouse.history.snapshots import file_sizes, has_vectors
from lakehouse.lakehouse import Lakehouse
from lakehouse.tables import Table

# A file of this size is not small: its rows are not written again.
SMALL_BYTES = 32 * 1024**2
# Delta's own threshold for joining small files after a commit (autoCompact.minNumFiles).
MOST_FILES = 50
# The copy's folder below the table. What a kill leaves of it goes with the next start of the stream.
COPY = "joining"


def join_small_files(lake: Lakehouse, table: Table, opened: DeltaTable) -> bool:
    """Join them if the table has many. False if not, or if it did not succeed; then all is as before.

    A failure is one line and no error: the rows are there already, and a later batch tries again. Only for the
    stream that writes the table, which is alone in doing so. Tables with deletion vectors are left to Spark.
    """
    if has_vectors(opened) or len(_small(opened)) < MOST_FILES:
        return False
    folder = Path(lake.path(table))
    copy = folder / COPY
    delete_copy(lake, table)  # of a run that was killed
    try:
        version = _link_log(lake, table, copy)
        linked = DeltaTable(copy, version=version)
        for path in _small(linked):
            _link(folder / path, copy / path)
        linked.optimize.compact(target_size=SMALL_BYTES)
        return _publish(copy, folder, version + 1)
    except (OSError, DeltaError) as error:
        report(f"the small files of {table.sql_name} were not joined, nothing is lost: {first_line(error)}")
        return False
    finally:
        delete_copy(lake, table)


def delete_copy(lake: Lakehouse, table: Table) -> None:
    """Delete the copy of a table that a killed process may have left. The table does not need it."""
    shutil.rmtree(Path(lake.path(table), COPY), ignore_errors=True)


def _small(table: DeltaTable) -> list[str]:
    """The small files of the table."""
    return [unquote(path) for path, size in file_sizes(table).items() if size < SMALL_BYTES]


def _link_log(lake: Lakehouse, table: Table, copy: Path) -> int:
    """The last version in the log that was linked."""
    log = table_log(lake.folder, table)
    names = [name for name in log.names() if name[:20].isdigit()]
    for name in names:
        _link(Path(log.path, name), copy / "_delta_log" / name)
    return max(commit_versions(names))


def _publish(copy: Path, folder: Path, version: int) -> bool:
    """Make the copy's next version the table's: its files first, so that no reader or power failure misses one."""
    name = f"_delta_log/{version:020d}.json"
    if not (copy / name).exists():  # there was nothing to join
        return False
    actions = read_actions(open_folder(f"{copy}/_delta_log"), version)
    new = [folder / unquote(action["add"]["path"]) for action in actions if "add" in action]
    for file in new:
        _link(copy / file.relative_to(folder), file)
    sync([*new, folder, copy / name])
    try:
        os.link(copy / name, folder / name)
    except FileExistsError:
        # over NFS a link that was made may be reported as one that exists: then the commit is this one
        if not (copy / name).samefile(folder / name):
            for file in new:
                file.unlink()
            return False
    sync([folder / "_delta_log"])
    return True


def _link(source: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    os.link(source, target)
