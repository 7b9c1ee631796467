"""A local file is either complete or the previous one, however its writer ends."""

from pathlib import Path

import pytest

from lakehouse.atomic_write import atomic_write


def test_a_complete_draft_takes_the_place(tmp_path: Path) -> None:
    target = tmp_path / "state.json"
    for text in ("one", "two"):
        with atomic_write(target) as draft:
            draft.write_text(text)
            assert not target.exists() or target.read_text() == "one"
        assert [target.read_text(), *tmp_path.iterdir()] == [text, target]


def test_a_failed_draft_leaves_what_was_there(tmp_path: Path) -> None:
    target = tmp_path / "state.json"
    target.write_text("whole")

    def fail() -> None:
        with atomic_write(target) as draft:
            draft.write_text("ha")
            raise OSError("no space left")

    with pytest.raises(OSError, match="no space"):
        fail()
    assert [target.read_text(), *tmp_path.iterdir()] == ["whole", target]
