"""The project's folder: a person's changes are never overwritten, unless they say so."""

from pathlib import Path

import pytest

from gold.powerbi.project.folder import write_project

FIRST = {"Lakehouse.pbip": b"1", "Lakehouse.Report/a.json": b"1", "Lakehouse.Report/b.json": b"1"}
SECOND = {"Lakehouse.pbip": b"2", "Lakehouse.Report/a.json": b"2"}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    assert write(tmp_path / "exports" / "powerbi", FIRST) == []
    return tmp_path / "exports" / "powerbi"


def write(folder: Path, files: dict[str, bytes], *, replace: bool = False) -> list[str]:
    return write_project(str(folder.parent.parent), files, replace=replace)


def found(folder: Path) -> dict[str, bytes]:
    """The files in the folder, without the record of what was written."""
    files = [path for path in folder.rglob("*") if path.is_file() and path.name != ".exported.json"]
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in files}


def test_an_unchanged_project_is_replaced_and_files_it_no_longer_has_are_deleted(folder: Path) -> None:
    assert found(folder) == FIRST
    assert write(folder, SECOND) == []
    assert found(folder) == SECOND


def test_what_desktop_keeps_for_itself_is_no_change(folder: Path) -> None:
    cache = folder / "Lakehouse.SemanticModel" / ".pbi" / "cache.abf"
    cache.parent.mkdir(parents=True)
    cache.write_bytes(b"cache")
    assert write(folder, SECOND) == []
    assert cache.read_bytes() == b"cache"


@pytest.mark.parametrize("is_first", [True, False])
def test_an_export_that_was_cut_off_is_finished_by_the_next(tmp_path: Path, is_first: bool) -> None:
    folder = tmp_path / "exports" / "powerbi"
    if not is_first:
        write(folder, FIRST)
    (folder / "Lakehouse.Report").mkdir(parents=True, exist_ok=True)
    (folder / "Lakehouse.pbip").write_bytes(SECOND["Lakehouse.pbip"])
    (folder / "Lakehouse.Report" / ".a.json.1f2e.partial").write_bytes(b"")
    assert write(folder, SECOND) == []
    assert SECOND.items() <= found(folder).items()
    assert (folder / ".exported.json").is_file()


@pytest.mark.parametrize("change", ["edited", "added", "deleted"])
def test_a_changed_project_stays_as_it_is(folder: Path, change: str) -> None:
    path = folder / ("Lakehouse.Report/new.json" if change == "added" else "Lakehouse.Report/a.json")
    if change == "deleted":
        path.unlink()
    else:
        path.write_bytes(b"mine")
    before = found(folder)
    assert write(folder, SECOND) == [path.relative_to(folder).as_posix()]
    assert found(folder) == before
    assert write(folder, SECOND, replace=True) == []
    assert {name: content for name, content in found(folder).items() if name in SECOND} == SECOND
    assert write(folder, SECOND) == (["Lakehouse.Report/new.json"] if change == "added" else [])


def test_a_project_of_unknown_origin_is_a_persons(tmp_path: Path) -> None:
    folder = tmp_path / "exports" / "powerbi"
    folder.mkdir(parents=True)
    (folder / "Lakehouse.pbip").write_bytes(b"mine")
    assert write(folder, FIRST) == ["Lakehouse.pbip"]
    assert found(folder) == {"Lakehouse.pbip": b"mine"}
