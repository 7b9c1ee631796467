"""Which records a failed batch holds, from checkpoints as Spark writes them."""

import json
from pathlib import Path
from typing import Any

import pytest

from lakehouse.history.failed_batch import failed_batch
from lakehouse.lakehouse import Lakehouse
from lakehouse.tables import BRONZE_EVENTS
from tests.support.ledgers import record, write


def plan(root: Path, stream: str, *batches: Any, ended: int) -> None:
    """A checkpoint whose batches read up to these offsets, one line per source; so many of them have ended."""
    folder = root / "checkpoints" / stream
    for name in ("offsets", "commits"):
        (folder / name).mkdir(parents=True)
    (folder / "metadata").write_text('{"id":"5ae5f6fd"}')
    for number, lines in enumerate(batches):
        text = "\n".join("-" if line is None else json.dumps(line) for line in lines)
        (folder / "offsets" / str(number)).write_text(f"v1\n{{}}\n{text}")
        if number < ended:
            (folder / "commits" / str(number)).write_text("v1\n{}")


def delta(version: int) -> dict[str, Any]:
    return {"reservoirId": "a", "reservoirVersion": version, "index": 5, "isStartingVersion": False}


def test_a_batch_of_bronze_is_what_its_offsets_add(tmp_path: Path) -> None:
    before, after = {"users": {"0": 5, "1": 7}}, {"users": {"0": 9, "1": 7}, "movies": {"0": 3}}
    plan(tmp_path, "bronze/events", [before], [after], ended=1)
    # partition 1 of users has nothing new, and movies is a new topic
    assert failed_batch(Lakehouse(tmp_path), "bronze.events") == (
        "batch 1 (movies-0 offsets 0 to 2, users-0 offsets 5 to 8)"
    )


def test_a_batch_of_silver_is_the_records_of_its_bronze_versions(tmp_path: Path) -> None:
    for offsets in (range(5), range(5, 8), range(8, 20)):
        write(tmp_path, BRONZE_EVENTS, [record(offset) for offset in offsets])
    plan(tmp_path, "silver", [delta(0), None], [delta(1), None], ended=1)
    assert failed_batch(Lakehouse(tmp_path), "silver") == "batch 1 (users-0 offsets 5 to 7)"


def test_of_many_partitions_the_first_are_shown(tmp_path: Path) -> None:
    plan(tmp_path, "bronze/events", [{"users": {str(number): 1 for number in range(9)}}], ended=0)
    batch = failed_batch(Lakehouse(tmp_path), "bronze.events")
    assert batch.startswith("batch 0 (users-0 offsets 0 to 0, ")
    assert batch.endswith("users-5 offsets 0 to 0, and 3 more partitions)")


@pytest.mark.parametrize("stream", ["silver", "bronze.events"])
def test_without_a_failed_batch_there_is_nothing_to_name(tmp_path: Path, stream: str) -> None:
    lake = Lakehouse(tmp_path)
    assert failed_batch(lake, stream) == ""
    plan(tmp_path, stream.replace(".", "/"), [delta(0)], ended=1)
    assert failed_batch(lake, stream) == ""


def test_what_cannot_be_read_hides_no_failure(tmp_path: Path) -> None:
    """Bronze is gone, or the checkpoint is damaged: the stream's own error says so."""
    plan(tmp_path, "silver", [delta(3)], ended=0)
    assert failed_batch(Lakehouse(tmp_path), "silver") == ""
    (tmp_path / "checkpoints" / "silver" / "offsets" / "0").write_text("")
    assert failed_batch(Lakehouse(tmp_path), "silver") == ""
