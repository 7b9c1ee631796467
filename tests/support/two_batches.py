"""Two micro-batches of silver that give each commit something to do, and the root after each commit of the second.

They are written by Spark and in process, to be repeated either way.
"""

import shutil
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path

import pytest
from pyspark.sql import DataFrame, SparkSession

from lakehouse.tables import Table, layer_tables
from tests.support.batch_sequences import CLOCKS
from tests.support.batch_ways import COMMITS, PROCESS, WAYS, in_process, judged
from tests.support.records import FEEDBACK, MOVIE, SERIES, USER, Row, bronze_row, event, numbered, tombstone
from tests.support.tables import contents

VERSIONS = {"bronze.events": 1, "bronze.feedback": 2}
# Before a batch, and after its commits to quarantine, users, content, feedback, tombstones and batches.
PREFIXES = 7

# The first batch: what silver holds when the second one arrives.
BEFORE = [
    event(USER, "u-1", 10, nombre_usuario="before"),  # will be updated
    event(USER, "u-2", 30, nombre_usuario="stays"),  # will meet an older event
    event(USER, "u-3", 10),  # will be deleted
    event(MOVIE, "m-1", 30, titulo="stays"),  # will meet an older tombstone
    event(FEEDBACK, "f-1", 10),  # will be deleted
    tombstone("u-4", 20),  # a later event will bring it back, an older one will not
    tombstone("m-2", 20),
]
# The second batch has everything at once: each of its commits has something to do.
BATCH = [
    event(USER, "u-1", 20, nombre_usuario="after"),
    event(USER, "u-2", 20, nombre_usuario="too old"),
    tombstone("u-3", 20),
    event(USER, "u-3", 15, nombre_usuario="older than its tombstone"),
    event(USER, "u-4", 30, nombre_usuario="back"),
    event(MOVIE, "m-2", 10, titulo="does not come back"),
    tombstone("m-1", 20),
    event(SERIES, "m-1", 25, titulo="too old"),
    event(SERIES, "s-1", 10, titulo="first"),
    event(SERIES, "s-1", 20, titulo="second", pais="MX", premio=None),
    event(SERIES, "s-1", 20, titulo="the same time, a later record"),
    event(MOVIE, "both", 10, titulo="one id in two tables"),
    event(USER, "both", 20),
    event(MOVIE, "gone", 10),  # created and deleted in one batch
    tombstone("gone", 20),
    tombstone("gone", 15),
    tombstone("f-1", 20),
    event(FEEDBACK, "f-2", 20, action="rating", rating=4.5),
    event(FEEDBACK, "f-3", 20, action="share"),  # breaks a rule
    event(MOVIE, "m-3", 20, titulo=""),  # breaks another
    bronze_row(b"\xff", key="x"),  # not text
    bronze_row(None, key=None),  # a tombstone without an id
]

NewRoot = Callable[[Path], str]


def copied(empty: Path, folder: Path) -> str:
    """A root in this folder whose silver has no rows: creating its tables takes as long as a batch."""
    return str(shutil.copytree(empty, folder / "lakehouse"))


class Finished:
    """A root that no test changes; each table is read once, at its first comparison."""

    def __init__(self, root: str) -> None:
        self.root = root
        self.known: dict[str, list[str]] = {}

    def expect_equal(self, root: str, tables: tuple[Table, ...]) -> None:
        for table in tables:
            if table.name not in self.known:
                self.known[table.name] = contents(self.root, table, *CLOCKS)
            assert contents(root, table, *CLOCKS) == self.known[table.name], table.sql_name


class Undisturbed(Finished):
    """A root after both batches, and copies of it before the second and after each of its commits."""

    def __init__(self, root: str, prefixes: list[Path], judged: DataFrame) -> None:
        super().__init__(root)
        self.prefixes, self.judged = prefixes, judged

    def expect_repeatable(self, commits: int, repeated: str, folder: Path) -> None:
        """After that many commits the process died: the batch, repeated in this way, changes nothing more."""
        assert len(self.prefixes) == PREFIXES
        root = shutil.copytree(self.prefixes[commits], folder / "lakehouse").as_posix()
        WAYS[repeated](self.judged, root, query_id="q", batch_id=1, versions=VERSIONS)
        self.expect_equal(root, layer_tables("silver"))


def went_both_ways(
    spark: SparkSession, new_root: NewRoot, new_folder: Callable[[], Path], before: list[Row] = BEFORE
) -> Mapping[str, Undisturbed]:
    """By way: a root after both batches. Without `before`, the second one is the first, and only appends."""
    first, second = (judged(spark, rows) for rows in (numbered(before), numbered(BATCH, first=len(before))))
    found = {}
    for way, write in WAYS.items():
        folder = new_folder()
        root = new_root(folder)
        if before:
            write(first, root, query_id="q", batch_id=0, versions=VERSIONS)
        found[way] = went_through(root, folder, second, way)
    return found


def went_through(root: str, folder: Path, second: DataFrame, way: str) -> Undisturbed:
    """Apply the second batch (id 1) to the root, and copy the root before it and after each of its commits."""
    prefixes: list[Path] = []

    def keep_copy() -> None:
        prefixes.append(Path(shutil.copytree(root, folder / f"after-{len(prefixes)}")))

    keep_copy()
    with pytest.MonkeyPatch.context() as patch:
        for owner, name in COMMITS[way]:
            write = getattr(owner, name)

            def then_copy(*args: object, write: object = write, **kwargs: object) -> None:
                write(*args, **kwargs)  # type: ignore[operator]
                keep_copy()

            patch.setattr(owner, name, then_copy)
        # a copy must not meet half a commit of another thread
        write_in_turn = partial(in_process, writers=1) if way == PROCESS else WAYS[way]
        write_in_turn(second, root, query_id="q", batch_id=1, versions=VERSIONS)
    return Undisturbed(root, prefixes, second)
