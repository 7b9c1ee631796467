"""What is on the disk when a call returns: recorded where the operating system is asked for it."""

import os
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from deltalake.exceptions import CommitFailedError

from lakehouse import durability
from lakehouse.atomic_write import atomic_write
from lakehouse.exports import write_file
from lakehouse.lakehouse import Lakehouse
from lakehouse.settings import load_settings
from lakehouse.tables import GOLD_POWERBI, SILVER_CONTENT, Table, layer_tables
from silver import small_batch
from silver.small_batch import Opened, apply_small_batch, open_tables
from tests.support.batch_sequences import judged
from tests.support.delta_tables import arrow_rows, write_rows
from tests.support.folders import AWKWARD
from tests.support.records import FEEDBACK, MOVIE, USER, event, numbered

ROWS = [["u1", "m1", "El viaje", 4.5]]


@pytest.fixture
def synced(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """The files and folders that were synced, in this order."""
    found: list[Path] = []
    fsync = os.fsync

    def recorded(descriptor: int) -> None:
        found.append(Path(f"/proc/self/fd/{descriptor}").readlink())
        fsync(descriptor)

    monkeypatch.setattr(os, "fsync", recorded)
    return found


def parts(path: Path) -> set[Path]:
    """The files of a table and their folders."""
    return {path, *path.rglob("*")}


def test_a_commit_in_process_is_on_the_disk_with_its_files(tmp_path: Path, synced: list[Path]) -> None:
    lake = Lakehouse(tmp_path / AWKWARD)
    table = Path(lake.path(GOLD_POWERBI))
    lake.append(GOLD_POWERBI, arrow_rows(GOLD_POWERBI, ROWS))
    assert parts(table) <= set(synced)
    assert {table.parent, tmp_path} <= set(synced), "the folders of a new table are new"
    synced.clear()
    before = parts(table)
    lake.overwrite(GOLD_POWERBI, arrow_rows(GOLD_POWERBI, ROWS), input_versions={})
    assert set(synced) == (parts(table) - before) | {table, table / "_delta_log"}
    files = [path for path in synced if path.is_file()]
    assert synced[: len(files)] == files, "a folder may not name a file that is not there yet"


def test_a_batch_is_recorded_once_its_rows_are_on_the_disk(
    tmp_path: Path, synced: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    for table in layer_tables("silver"):
        write_rows(str(tmp_path), table, [])
    batches = tmp_path / "silver" / "batches" / "_delta_log"
    early: set[Path] = set()
    fsync = os.fsync

    def recorded(descriptor: int) -> None:
        fsync(descriptor)
        if not (batches / f"{1:020d}.json").exists():
            early.update(synced)

    monkeypatch.setattr(os, "fsync", recorded)
    batch = judged(numbered([event(USER, "u1", 1), event(MOVIE, "m1", 1), event(MOVIE, "bad", 1, titulo=" ")]))
    write_batch(tmp_path, batch)
    commits = {log / f"{1:020d}.json" for log in tmp_path.glob("silver/*/_delta_log")}
    written = {path for path in commits if path.exists()} - {batches / f"{1:020d}.json"}
    assert len(written) == 3
    assert written <= early
    assert batches / f"{1:020d}.json" in synced


def test_a_batch_that_met_a_compaction_is_on_the_disk_whole(
    tmp_path: Path, synced: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The second attempt has nothing to write where the first one has committed."""
    for table in layer_tables("silver"):
        write_rows(str(tmp_path), table, [])
    events = [event(USER, "u1", 1), event(MOVIE, "m1", 1), event(FEEDBACK, "f1", 1)]
    append = small_batch._append

    def refused(tables: Opened, table: Table, *args: Any) -> None:
        if table == SILVER_CONTENT:
            raise CommitFailedError("somebody has joined its files")
        append(tables, table, *args)

    with monkeypatch.context() as patch:
        patch.setattr(small_batch, "_append", refused)
        with pytest.raises(CommitFailedError):
            write_batch(tmp_path, judged(numbered(events)))
    write_batch(tmp_path, judged(numbered(events)))
    commits = {log / f"{1:020d}.json" for log in tmp_path.glob("silver/*/_delta_log")}
    written = {path for path in commits if path.exists()}
    assert len(written) == 4  # users, content, feedback, batches
    assert written <= set(synced)


def write_batch(root: Path, batch: pa.Table) -> None:
    apply_small_batch(batch, open_tables(Lakehouse(root)), query_id="q", batch_id=0, versions={})


def test_a_replaced_file_is_on_the_disk(tmp_path: Path, synced: list[Path]) -> None:
    write_file(str(tmp_path / "a"), b"text")
    with atomic_write(tmp_path / "b") as draft:
        draft.write_text("text")
    file, folder, draft_file, again = synced
    assert (folder, again) == (tmp_path, tmp_path)
    assert {file.parent, draft_file.parent} == {tmp_path}


def test_nobody_waits_if_the_settings_say_so(
    tmp_path: Path, synced: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = load_settings().model_copy(update={"durable": False})
    monkeypatch.setattr(durability, "load_settings", lambda: settings)
    Lakehouse(tmp_path).append(GOLD_POWERBI, arrow_rows(GOLD_POWERBI, ROWS))
    assert synced == []
    assert Lakehouse(tmp_path).read(GOLD_POWERBI).num_rows == 1
