"""The files of a root through pyarrow's file systems: local folders here."""

from pathlib import Path

import pytest

from lakehouse.folders import Folder, open_folder
from tests.support.folders import EVERY_SIGN


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    """A folder with a file, an empty file, and a subfolder with a file."""
    root = tmp_path / EVERY_SIGN
    (root / "sub" / "deep").mkdir(parents=True)
    (root / "b").write_bytes("ñ".encode())
    (root / "a").touch()
    (root / "sub" / "deep" / "c").write_bytes(b"\xff")
    return open_folder(str(root))


def test_a_folder_lists_its_own_entries(folder: Folder) -> None:
    assert folder.names() == ["a", "b", "sub"]
    assert folder.sizes() == {"a": 0, "b": 2, "sub": 0}
    assert folder.names_below() == ["a", "b", "c"]
    assert {name: at.tzinfo is not None for name, at in folder.times().items()} == dict.fromkeys("ab", True) | {
        "sub": True
    }


def test_a_folder_that_does_not_exist_is_empty(folder: Folder) -> None:
    nowhere = folder / "none" / "at all"
    assert (nowhere.names(), nowhere.names_below(), nowhere.sizes(), nowhere.times()) == ([], [], {}, {})
    with pytest.raises(FileNotFoundError):
        nowhere.read("file")


def test_text_is_read_whatever_its_bytes_are(folder: Folder) -> None:
    assert folder.read_text("b") == "ñ"
    assert (folder / "sub" / "deep").read_text("c") == "\ufffd"


def test_deleting_takes_a_file_or_a_folder_with_its_contents(folder: Folder) -> None:
    for name in ("b", "sub", "b", "none"):
        folder.delete(name)
    assert folder.names() == ["a"]
