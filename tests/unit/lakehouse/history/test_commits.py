"""What commits say, and the state of a version, from logs that delta-rs wrote."""

import json
import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from deltalake import DeltaTable

from lakehouse.errors import TableError
from lakehouse.history.commits import (
    StreamBatch,
    commit,
    commits,
    last_stream_batch,
    lineage_of,
    rows_added,
    stream_batch,
)
from lakehouse.history.log import Commit, commit_times, read_commit, table_log
from lakehouse.history.snapshots import live_files, read_snapshot
from lakehouse.lakehouse import Lakehouse
from lakehouse.tables import SILVER_USERS
from tests.support.delta_tables import NOON, user, write


def inputs(version: int) -> str:
    return json.dumps({"inputs": {"bronze.events": version}})


@pytest.fixture
def lake(tmp_path: Path) -> Lakehouse:
    """Versions 0 and 1 record inputs, version 2 deletes a row, version 3 appends one."""
    write(tmp_path, SILVER_USERS, user(1, "Ana"), note=inputs(7))
    write(tmp_path, SILVER_USERS, user(1, "Ana"), user(2, "Luis"), mode="overwrite", note=inputs(8))
    DeltaTable(tmp_path / "silver" / "users").delete("id = 'u1'")
    write(tmp_path, SILVER_USERS, user(3, "Zoé"))
    return Lakehouse(tmp_path)


def test_commits_come_newest_first_and_only_as_far_as_asked(lake: Lakehouse) -> None:
    assert [one.version for one in commits(lake, SILVER_USERS)] == [3, 2, 1, 0]
    assert [(one.version, one.operation) for one in commits(lake, SILVER_USERS, after=1)] == [
        *((3, "WRITE"), (2, "DELETE"))
    ]
    assert list(commits(lake, SILVER_USERS, after=3)) == []
    assert list(commits(Lakehouse(f"{lake.root}/none"), SILVER_USERS)) == []


def test_a_commit_keeps_its_number_while_others_write(lake: Lakehouse) -> None:
    """delta-rs' own history calls the newest commit by the number of the version that was opened."""
    found = commit(lake, SILVER_USERS, 1)
    assert found is not None
    assert (found.version, found.user_metadata) == (1, {"inputs": {"bronze.events": 8}})
    assert commit(lake, SILVER_USERS, 4) is None


def test_rows_added_are_those_of_the_writer(lake: Lakehouse) -> None:
    assert [rows_added(one) for one in commits(lake, SILVER_USERS)] == [1, 0, 2, 1]


def test_inputs_are_followed_through_maintenance_and_restores(lake: Lakehouse) -> None:
    delta = DeltaTable(lake.path(SILVER_USERS))
    delta.optimize.compact()  # version 4
    delta.restore(0)  # version 5
    recorded = [lineage_of(lake, SILVER_USERS, version) for version in range(6)]
    assert recorded == [{"bronze.events": number} for number in (7, 8, 8, 8, 8, 7)]
    assert lineage_of(lake, SILVER_USERS, 6) is None


def test_a_snapshot_counts_rows_files_and_bytes(lake: Lakehouse) -> None:
    rows = [read_snapshot(lake, SILVER_USERS, version).rows for version in range(4)]
    assert rows == [1, 2, 1, 2]
    last = read_snapshot(lake, SILVER_USERS)
    files = live_files(lake, SILVER_USERS)
    assert (last.version, last.files, last.size) == (3, len(files), sum(files.values()))
    sizes = (lake.folder / "silver" / "users").sizes()
    assert {name: sizes[name] for name in files} == files


def test_a_log_cleaned_up_to_its_checkpoint_is_enough_for_later_versions(lake: Lakehouse) -> None:
    DeltaTable(lake.path(SILVER_USERS), version=2).create_checkpoint()
    for version in range(2):
        Path(lake.path(SILVER_USERS), "_delta_log", f"{version:020d}.json").unlink()
    assert read_snapshot(lake, SILVER_USERS).rows == 2
    with pytest.raises(TableError, match=r"silver.users has no version 1; it has 2 to 3"):
        read_snapshot(lake, SILVER_USERS, 1)
    # nothing says any more what version 2 was made from
    assert lineage_of(lake, SILVER_USERS, 3) is None


def test_a_commits_time_is_its_files_and_later_than_the_one_before(lake: Lakehouse) -> None:
    """As Delta takes TIMESTAMP AS OF, whose times have milliseconds."""
    log = table_log(lake.folder, SILVER_USERS)
    for version, seconds in enumerate((5.0004, 5.0008, 3.0, 9.0)):
        at = (NOON + timedelta(seconds=seconds)).timestamp()
        os.utime(Path(log.path, f"{version:020d}.json"), (at, at))
    five = NOON + timedelta(seconds=5)
    assert list(commit_times(log).values()) == [
        *(five + timedelta(milliseconds=number) for number in range(3)),
        NOON + timedelta(seconds=9),
    ]


def test_a_commit_has_the_time_that_its_writer_recorded(lake: Lakehouse) -> None:
    log = table_log(lake.folder, SILVER_USERS)
    file = Path(log.path, f"{3:020d}.json")
    lines = [json.loads(line) for line in file.read_text().splitlines()]
    for line in lines:
        if "commitInfo" in line:
            line["commitInfo"] |= {"timestamp": 1_000, "inCommitTimestamp": 2_000}
    file.write_text("\n".join(map(json.dumps, lines)))
    assert read_commit(log, 3).written_at == datetime(1970, 1, 1, 0, 0, 2, tzinfo=UTC)


def test_the_last_batch_of_a_stream_is_found_behind_maintenance(tmp_path: Path) -> None:
    lake, batch = Lakehouse(tmp_path), StreamBatch("query", 7)
    assert last_stream_batch(lake, SILVER_USERS) is None
    write(tmp_path, SILVER_USERS, user(1, "Ana"), note=StreamBatch("query", 6).note)
    write(tmp_path, SILVER_USERS, user(2, "Luis"), note=batch.note)
    DeltaTable(lake.path(SILVER_USERS)).optimize.compact()
    assert last_stream_batch(lake, SILVER_USERS) == batch


@pytest.mark.parametrize(
    ("operation", "parameters", "note", "expected"),
    [
        ("STREAMING UPDATE", {"queryId": "q", "epochId": "3"}, "", StreamBatch("q", 3)),  # Delta's own sink
        ("WRITE", {}, StreamBatch("q", 3).note, StreamBatch("q", 3)),
        ("WRITE", {}, inputs(7), None),
        ("WRITE", {}, '{"stream": "q"}', None),
        ("WRITE", {}, "somebody's own note", None),
    ],
)
def test_the_batch_that_a_commit_names(
    operation: str, parameters: dict[str, str], note: str, expected: StreamBatch | None
) -> None:
    assert stream_batch(Commit(1, None, operation, parameters, {}, note)) == expected
