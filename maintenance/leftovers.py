"""Files beside the tables that only grow: the log of micro-batches, and the pages of old checks."""

from datetime import datetime
from pathlib import Path
from typing import NamedTuple

from lakehouse.exports import write_file
from lakehouse.folders import Folder
from lakehouse.lakehouse import Lakehouse
from lakehouse.spark.progress import OLD_PROGRESS, PROGRESS, read_line

_INDEX = "index.html"


class Leftovers(NamedTuple):
    """What goes: old pages by their names, and the older log of batches, which the newer one replaces."""

    pages: tuple[str, ...]
    progress: bool
    size: int


def leftovers(lake: Lakehouse, ops_dir: Path, *, since: datetime) -> Leftovers:
    """The check pages from before that time. The log of batches goes in two halves: each lasts for the window."""
    folder = _pages(lake.folder)
    stored = folder.stored()
    old = {path: file.size for path, file in stored.items() if file.written_at < since and path != _INDEX}
    size = sum(old.values())
    is_due = _begins_before(ops_dir / PROGRESS, since)
    replaced = ops_dir / OLD_PROGRESS
    size += replaced.stat().st_size if is_due and replaced.exists() else 0
    return Leftovers(tuple(sorted(old)), is_due, size)


def clear(lake: Lakehouse, ops_dir: Path, found: Leftovers) -> None:
    folder = _pages(lake.folder)
    for name in found.pages:
        folder.delete(name)
    if _INDEX in folder.names() and found.pages:
        gone = [f'<li><a href="{name}">' for name in found.pages]
        lines = folder.read_text(_INDEX).splitlines(keepends=True)
        text = "".join(line for line in lines if not line.startswith(tuple(gone)))
        write_file(f"{lake.root}/quality/docs/{_INDEX}", text.encode())
    if found.progress:
        (ops_dir / PROGRESS).replace(ops_dir / OLD_PROGRESS)  # a stream opens the file for each line that it adds


def _pages(root: Folder) -> Folder:
    return root / "quality" / "docs"


def _begins_before(log: Path, since: datetime) -> bool:
    """Whether the oldest batch of the log ended before that time."""
    if not log.exists():
        return False
    with log.open("rb") as lines:
        first = next((batch for line in lines if (batch := read_line(line))), None)
    return first is not None and datetime.fromisoformat(first["logged_at"]) < since
