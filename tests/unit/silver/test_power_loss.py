"""The power fails at any moment of a micro-batch in process: whatever was not synced is empty. Nothing is lost."""

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pytest

from lakehouse import durability
from lakehouse.history.damage import require_whole_logs
from lakehouse.history.recovery import recover
from lakehouse.lakehouse import Lakehouse
from lakehouse.tables import Table, layer_tables
from silver.small_batch import apply_small_batch, open_tables
from tests.support.batch_sequences import CLOCKS, judged
from tests.support.delta_tables import write_rows
from tests.support.records import MOVIE, USER, event, numbered, tombstone
from tests.support.tables import contents

FIRST = judged(numbered([event(USER, "u1", 1), event(USER, "u2", 1), event(MOVIE, "m1", 1)]))
# An update, a new row, a deletion and a rejected record: five tables change.
SECOND = judged(
    numbered(
        [event(USER, "u1", 2), event(MOVIE, "m2", 2), tombstone("u2", 2), event(MOVIE, "m3", 2, titulo=" ")], 3
    )
)
# After so many of the batch's 30 syncs; the last one is after all of them.
MOMENTS = range(0, 33, 4)


class PowerFailureError(Exception):
    pass


def write(root: Path, batch: pa.Table, batch_id: int) -> None:
    """One batch as the stream does it: its plan, its commits, its end."""
    plan(root, batch_id)
    tables = open_tables(Lakehouse(root))
    apply_small_batch(batch, tables, query_id="q", batch_id=batch_id, versions={"bronze.events": batch_id})
    (root / f"checkpoints/silver/commits/{batch_id}").write_text("v1\n{}")


def plan(root: Path, batch_id: int) -> None:
    position = {"reservoirId": "a", "reservoirVersion": batch_id + 1, "index": -1, "isStartingVersion": False}
    (root / f"checkpoints/silver/offsets/{batch_id}").write_text(f'v1\n{{"conf":{{}}}}\n{json.dumps(position)}\n-')


@pytest.fixture(scope="module")
def first(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A lakehouse after its first batch, all of it on the disk."""
    root = tmp_path_factory.mktemp("first") / "lakehouse"
    for part in ("offsets", "commits"):
        (root / "checkpoints/silver" / part).mkdir(parents=True)
    (root / "checkpoints/silver/metadata").write_text('{"id": "q"}')
    for table in layer_tables("silver"):
        write_rows(str(root), table, [])
    write(root, FIRST, 0)
    return root


def rows(root: Path) -> dict[str, list[str]]:
    """Every table without the times at which it was written, and the versions that a repeated batch leaves out."""

    def of(table: Table) -> list[str]:
        return contents(str(root), table, *CLOCKS)

    return {table.sql_name: of(table) for table in layer_tables("silver")}


def failing_after(syncs: int, done: set[Path]) -> Callable[[Path], None]:
    sync = durability._sync

    def fail(path: Path) -> None:
        if len(done) >= syncs:
            raise PowerFailureError
        sync(path)
        done.add(path)

    return fail


@pytest.mark.parametrize("moment", MOMENTS)
def test_what_was_not_synced_is_done_again(
    first: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, moment: int
) -> None:
    root = Path(shutil.copytree(first, tmp_path / "lakehouse"))
    whole, done = set(root.rglob("*")), set[Path]()
    with monkeypatch.context() as patch:
        patch.setattr(durability, "_sync", failing_after(moment, done))
        try:
            write(root, SECOND, 1)
        except PowerFailureError:
            (root / "checkpoints/silver/commits/1").unlink(missing_ok=True)
    checkpoint = set((root / "checkpoints").rglob("*"))  # Spark's file manager syncs these itself
    for file in set(root.rglob("*")) - whole - done - checkpoint:
        if file.is_file():
            os.truncate(file, 0)
    recover(Lakehouse(root), "silver")
    require_whole_logs(str(root), "silver")
    if not (root / "checkpoints/silver/commits/1").exists():  # as Spark decides
        write(root, SECOND, 1)
    expected = Path(shutil.copytree(first, tmp_path / "undisturbed"))
    write(expected, SECOND, 1)
    assert rows(root) == rows(expected)
