"""What is on the disk when a call returns: recorded where the operating system is asked for it."""

import os
from pathlib import Path

import pytest

from lakehouse import durability
from lakehouse.atomic_write import atomic_write
from lakehouse.exports import write_file
from lakehouse.lakehouse import Lakehouse
from lakehouse.settings import load_settings
from lakehouse.tables import GOLD_POWERBI, layer_tables
from silver.small_batch import apply_small_batch, open_tables
from tests.support.batch_sequences import judged
from tests.support.delta_tables import arrow_rows, write_rows
from tests.support.folders import AWKWARD
from tests.support.records import MOVIE, USER, event, numbered

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
    apply_small_batch(batch, open_tables(Lakehouse(tmp_path)), query_id="q", batch_id=0, versions={})
    commits = {log / f"{1:020d}.json" for log in tmp_path.glob("silver/*/_delta_log")}
    written = {path for path in commits if path.exists()} - {batches / f"{1:020d}.json"}
    assert len(written) == 3
    assert written <= early
    assert batches / f"{1:020d}.json" in synced


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
