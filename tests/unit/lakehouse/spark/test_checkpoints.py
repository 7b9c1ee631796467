"""A checkpoint's files as a kill may leave them while its stream starts for the first time."""

from pathlib import Path

import pytest

from lakehouse.folders import open_folder
from lakehouse.spark.checkpoints import CheckpointError, read_checkpoint


@pytest.mark.parametrize("folders", [(), ("offsets",), ("offsets", "commits")])
def test_empty_folders_are_of_a_stream_that_has_never_run(tmp_path: Path, folders: tuple[str, ...]) -> None:
    for name in folders:
        (tmp_path / "checkpoints" / "silver" / name).mkdir(parents=True)
    assert read_checkpoint(open_folder(str(tmp_path)), "silver") is None


@pytest.mark.parametrize("batch", ["offsets/0", "commits/0"])
def test_a_batch_without_the_id_of_its_stream_is_damage(tmp_path: Path, batch: str) -> None:
    file = tmp_path / "checkpoints" / "silver" / batch
    file.parent.mkdir(parents=True)
    file.write_text("v1\n{}\n{}\n", encoding="utf-8")
    with pytest.raises(CheckpointError, match=r"checkpoints/silver/metadata is damaged"):
        read_checkpoint(open_folder(str(tmp_path)), "silver")
