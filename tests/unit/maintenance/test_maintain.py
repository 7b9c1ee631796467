"""What maintenance deletes, and what it keeps for whom: tables written by delta-rs, no Spark."""

import json
import os
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from deltalake import DeltaTable

from lakehouse.errors import TableError
from lakehouse.folders import Folder
from lakehouse.history.backlog import silver_offsets
from lakehouse.history.commits import StreamBatch, last_stream_batch
from lakehouse.history.damage import DamageError, all_damage
from lakehouse.history.data_files import unread_files
from lakehouse.lakehouse import Lakehouse
from lakehouse.locks import RunningError, only_run
from lakehouse.runs import store
from lakehouse.settings import Settings
from lakehouse.tables import (
    BRONZE_EVENTS,
    GOLD_AFFINITY,
    GOLD_MODELS,
    OPS_RUNS,
    QUALITY_RESULTS,
    SILVER_USERS,
    gated_tables,
)
from maintenance import maintain, promise
from maintenance.maintain import LOCK, _writer_stopped
from tests.support.delta_tables import NOON, model, record, user, write
from tests.support.maintained import (
    DAYS,
    HOURS,
    age,
    bytes_of,
    maintained,
    maintained_twice,
    settings_at,
    silver_has_read,
    unreadable,
)

VERSIONS = 6


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Six versions of silver.users, each with other rows, all of them two days old."""
    for number in range(VERSIONS):
        write(tmp_path, SILVER_USERS, user(number, "Ana"), mode="overwrite")
    age(tmp_path, 2 * DAYS)
    return tmp_path


@pytest.fixture
def settings(root: Path) -> Settings:
    """Nothing is promised, so everything is deleted that nobody needs."""
    return settings_at(root, keep_days=0)


def users(root: Path) -> list[int]:
    return Lakehouse(root).versions(SILVER_USERS)


def names(root: Path, version: int) -> list[str]:
    return list(Lakehouse(root).read(SILVER_USERS, version=version)["id"].to_pylist())


def test_every_version_inside_the_window_can_be_read(root: Path) -> None:
    done = maintained_twice(settings_at(root, keep_days=30))
    assert done.size == 0
    assert [names(root, version) for version in range(VERSIONS)] == [[f"u{number}"] for number in range(VERSIONS)]


def test_the_window_begins_with_the_version_that_the_table_had_then(root: Path) -> None:
    """Versions of 2 days ago and of today, and a promise of one day: a day ago, version 5 showed."""
    write(root, SILVER_USERS, user(9, "Zoé"), mode="overwrite")
    maintained_twice(settings_at(root, keep_days=1))
    assert users(root)[:2] == [5, 6]
    assert names(root, 5) == ["u5"]


def test_outside_of_the_window_the_error_says_since_when(root: Path, settings: Settings) -> None:
    before = bytes_of(root / "silver")
    done = maintained_twice(settings)
    first = users(root)[0]
    assert first == VERSIONS - 1
    since = done.tables[0].expiry.since
    with pytest.raises(TableError) as error:
        Lakehouse(root).read(SILVER_USERS, version=2)
    assert error.value.problem == "silver.users has no version 2"
    assert error.value.todo == (
        f"it has {first} to {users(root)[-1]}, kept since {since:%Y-%m-%d %H:%M:%S} UTC: "
        "lakehouse history silver.users"
    )
    assert names(root, first) == ["u5"]
    assert done.size > 0
    assert before - bytes_of(root / "silver") > 0


def test_the_last_append_of_a_stream_is_kept_however_old_it_is(tmp_path: Path) -> None:
    """Its next start compares its checkpoint with that commit."""
    batch = StreamBatch("query", 3)
    for number in range(4):
        note = StreamBatch("query", number).note
        write(tmp_path, BRONZE_EVENTS, {**record(number), "ingested_at": NOON}, note=note)
    table = DeltaTable(tmp_path / "bronze" / "events")
    for day in ("monday", "tuesday"):
        table.alter.set_table_properties({"day": day}, raise_if_not_exists=False)
    age(tmp_path, 100 * DAYS)
    maintained_twice(settings_at(tmp_path, keep_days=0))
    lake = Lakehouse(tmp_path)
    assert lake.versions(BRONZE_EVENTS)[0] == 3
    assert last_stream_batch(lake, BRONZE_EVENTS) == batch


def test_a_dry_run_says_the_same_and_changes_nothing(root: Path, settings: Settings) -> None:
    maintained(settings)
    age(root, 2 * HOURS)
    held = sorted(root.rglob("*"))
    foreseen = maintained(settings, dry_run=True)
    assert [path for path in sorted(root.rglob("*")) if path.suffix != ".lock"] == [
        path for path in held if path.suffix != ".lock"
    ]
    before = bytes_of(root)
    done = maintained(settings)
    assert (foreseen.size, foreseen.tables[0].expiry) == (done.size, done.tables[0].expiry)
    assert before - bytes_of(root) <= done.size  # less what it wrote itself


def need_nothing(_: Path) -> None:
    pass


def need_by_gate(root: Path) -> None:
    """Version 2 passed its checks; every later one is unchecked."""
    late = datetime.now(UTC)
    rows = [
        {
            "run_id": "r",
            "table_name": table.sql_name,
            "version": 2,
            "expectation": "x",
            "column": "",
            "success": True,
            "expected": "1",
            "checked_at": late,
        }
        for table in gated_tables("silver")
    ]
    write(root, QUALITY_RESULTS, *rows)


def need_by_gold(root: Path) -> None:
    write(root, GOLD_AFFINITY, *affinity(), note=json.dumps({"inputs": {"silver.users": 2}}))


def need_by_a_model(root: Path) -> None:
    old = model("als-1", "retired", input_versions={"silver.users": 2})
    write(root, GOLD_MODELS, old, model("als-2", "published", input_versions={"silver.users": 5}))


def affinity() -> list[dict[str, Any]]:
    matched = {"generos": ["Drama"], "directores": [], "actores": []}
    return [{"user_id": "u1", "content_id": "m1", "rating": 3.0, "matched": matched}]


@pytest.mark.parametrize(
    ("need", "begin", "reason"),
    [
        (need_nothing, 5, "the versions since"),
        (need_by_gate, 2, "the last version that passed its checks"),
        (need_by_gold, 2, "gold.affinity_ratings was built from it"),
        (need_by_a_model, 2, "model als-1 was trained on it"),
    ],
)
def test_what_somebody_needs_stays(root: Path, settings: Settings, need: Any, begin: int, reason: str) -> None:
    need(root)
    found = maintained_twice(settings, SILVER_USERS).tables[0].expiry
    assert users(root)[0] == begin
    assert found.need.reason.startswith(reason)
    assert [names(root, version) for version in range(begin, VERSIONS)] == [
        [f"u{number}"] for number in range(begin, VERSIONS)
    ]


def test_an_expired_model_needs_nothing(root: Path, settings: Settings) -> None:
    write(root, GOLD_MODELS, model("als-1", "expired", input_versions={"silver.users": 2}))
    maintained_twice(settings, SILVER_USERS)
    assert users(root)[0] == VERSIONS - 1


def test_the_commit_that_names_the_inputs_of_a_gold_table_stays(root: Path, settings: Settings) -> None:
    """Five maintenance commits after it: without it nobody would know what the rows were built from."""
    write(root, GOLD_AFFINITY, *affinity(), note=json.dumps({"inputs": {"silver.users": 5}}))
    for number in range(5):
        lake = Lakehouse(root)
        lake.delta(GOLD_AFFINITY).alter.set_table_properties({"delta.checkpointInterval": str(100 + number)})
    age(root, 2 * DAYS)
    found = maintained_twice(settings, GOLD_AFFINITY).tables[0].expiry
    assert found.need.reason == "its commit says what the rows were built from"
    assert Lakehouse(root).versions(GOLD_AFFINITY)[0] == 0


@pytest.fixture
def behind(tmp_path: Path) -> Path:
    """Bronze with 61 versions whose files somebody has joined since; silver has read up to version 10."""
    for offset in range(61):
        row = {"topic": "users", "partition": 0, "offset": offset, "kafka_timestamp": NOON, "ingested_at": NOON}
        write(tmp_path, BRONZE_EVENTS, row)
    Lakehouse(tmp_path).delta(BRONZE_EVENTS).optimize.compact()
    silver_has_read(tmp_path, 8, 10)
    age(tmp_path, 2 * DAYS)
    return tmp_path


def test_a_stream_that_is_50_versions_behind_loses_nothing(behind: Path) -> None:
    done = maintained_twice(settings_at(behind, keep_days=0))
    lake = Lakehouse(behind)
    assert done.tables[0].expiry.need.reason == "silver's stream has read up to it"
    assert lake.versions(BRONZE_EVENTS)[0] == 8  # of its last batch: Spark asks for that one again
    offset = (silver_offsets(lake.folder) or {})["bronze.events"]
    assert len(unread_files(lake, BRONZE_EVENTS, offset)) == 50
    assert list(all_damage(lake)) == []
    assert unreadable(behind, BRONZE_EVENTS) == []
    assert done.size > 0  # the log of the first versions


def test_what_the_stream_has_read_goes(behind: Path) -> None:
    silver_has_read(behind, 61, 61)
    maintained_twice(settings_at(behind, keep_days=0))
    assert len(list((behind / "bronze" / "events").glob("*.parquet"))) == 1
    assert Lakehouse(behind).read(BRONZE_EVENTS).num_rows == 61


def test_an_unfinished_rebuild_keeps_what_it_reads(behind: Path) -> None:
    silver_has_read(behind, 61, 61)
    silver_has_read(behind / "rebuild" / "silver-1", 20, 30)
    found = maintained_twice(settings_at(behind, keep_days=0)).tables[0].expiry
    assert (found.begin, found.need.reason) == (20, "a rebuild of silver reads it")


def test_a_damaged_checkpoint_stops_it(behind: Path) -> None:
    (behind / "checkpoints" / "silver" / "offsets" / "1").write_text("")
    with pytest.raises(DamageError, match=r"offsets/1 is empty"):
        maintained(settings_at(behind, keep_days=0))


@pytest.mark.parametrize("hours", [1, 30])
def test_a_file_that_no_version_names_goes_after_a_day(root: Path, settings: Settings, hours: int) -> None:
    """Younger, it may belong to a commit that its writer is about to make."""
    stray = root / "silver" / "users" / "part-9.parquet"
    stray.write_bytes(b"1234")
    moment = datetime.now(UTC).timestamp() - hours * HOURS
    os.utime(stray, (moment, moment))
    maintained(settings)
    assert stray.exists() == (hours == 1)


def test_change_files_stay_with_their_versions(tmp_path: Path) -> None:
    write(tmp_path, SILVER_USERS, user(1, "Ana"), user(2, "Luis"))
    delta = DeltaTable(tmp_path / "silver" / "users")
    delta.alter.set_table_properties({"delta.enableChangeDataFeed": "true"})
    for name in ("Eva", "Zoé", "Mia"):
        delta.update(predicate="id = 'u1'", new_values={"nombre_usuario": name})
    age(tmp_path, 2 * DAYS)
    write(tmp_path, GOLD_MODELS, model("als-1", "published", input_versions={"silver.users": 3}))
    maintained_twice(settings_at(tmp_path, keep_days=0), SILVER_USERS)
    assert Lakehouse(tmp_path).versions(SILVER_USERS)[:2] == [3, 4]
    feed = Lakehouse(tmp_path).delta(SILVER_USERS).load_cdf(starting_version=3, ending_version=4).read_all()
    assert feed.num_rows == 4
    assert len(list((tmp_path / "silver" / "users" / "_change_data").glob("*.parquet"))) == 2


@pytest.mark.parametrize("after", range(0, 10, 2))
def test_a_kill_at_any_moment_leaves_every_listed_version_readable(
    root: Path, settings: Settings, after: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    maintained(settings)
    age(root, 2 * HOURS)
    left = [after]

    def dies(folder: Folder, name: str) -> None:
        left[0] -= 1
        if left[0] < 0:
            raise KeyboardInterrupt
        Path(folder.path, name).unlink()

    with monkeypatch.context() as patch:
        patch.setattr(Folder, "delete", dies)
        with pytest.raises(KeyboardInterrupt):
            maintained(settings)
    assert unreadable(root, SILVER_USERS) == []
    maintained(settings)
    assert users(root)[0] == VERSIONS - 1
    assert len(list((root / "silver" / "users").glob("*.parquet"))) == 1


def test_delta_itself_deletes_no_log_and_keeps_files_as_long_as_promised(root: Path) -> None:
    maintained(settings_at(root, keep_days=12))
    found = Lakehouse(root).delta(SILVER_USERS).metadata().configuration
    assert found.items() >= promise.properties(12).items()
    commits = users(root)
    maintained(settings_at(root, keep_days=12))
    assert users(root) == commits  # set once


def test_beside_a_running_stream_its_tables_get_no_commit(root: Path, settings: Settings) -> None:
    with only_run(settings.ops_dir, "silver"):
        done = maintained(settings)
        assert users(root) == list(range(VERSIONS))
    assert any(line.startswith("its Delta properties: silver is already running") for line in done.tables[0].waits)


def test_the_error_of_a_stream_names_the_maintenance_that_holds_it(tmp_path: Path) -> None:
    table = SILVER_USERS
    with _writer_stopped(str(tmp_path), table), pytest.raises(RunningError) as error, only_run(tmp_path, "silver"):
        pass
    assert str(error.value) == (
        f"silver is being changed by lakehouse maintain, in process {os.getpid()}; "
        "wait for it to end, or stop that process"
    )
    again = pytest.raises(RunningError, match="silver is already running, ")
    with only_run(tmp_path, "silver"), again, only_run(tmp_path, "silver"):  # its file names nobody else any more
        pass


def test_a_checksum_of_the_old_hint_does_not_outlive_it(root: Path, settings: Settings) -> None:
    stale = root / "silver" / "users" / "_delta_log" / "._last_checkpoint.crc"
    stale.write_bytes(b"crc\0of another file")
    maintained(settings)
    assert (stale.with_name("_last_checkpoint").exists(), stale.exists()) == (True, False)


def test_a_run_is_recorded_and_a_dry_run_is_not(settings: Settings) -> None:
    lake = Lakehouse(settings.root)
    maintained(settings, SILVER_USERS, dry_run=True)
    assert not lake.exists(OPS_RUNS)
    maintained(settings, SILVER_USERS)
    (run,) = store.read(lake)
    assert (run.job, run.command, run.result) == (maintain.JOB, "lakehouse maintain silver.users", "succeeded")


def test_only_one_runs_at_a_time(settings: Settings) -> None:
    with only_run(settings.ops_dir, LOCK), pytest.raises(RunningError, match="maintenance is already running"):
        maintained(settings)


def test_chosen_tables_leave_the_others_alone(root: Path, settings: Settings) -> None:
    write(root, GOLD_MODELS, model("als-1", "published"))
    done = maintained(settings, GOLD_MODELS)
    assert [kept.expiry.table for kept in done.tables] == [GOLD_MODELS]
    assert done.leftovers is None


def test_a_reader_of_the_last_hour_is_not_cut_off(root: Path, settings: Settings) -> None:
    """A version that was the newest one half an hour ago stays, whatever the window."""
    write(root, SILVER_USERS, user(7, "Eva"), mode="overwrite")
    age(root, HOURS / 2)
    write(root, SILVER_USERS, user(8, "Zoé"), mode="overwrite")
    found = maintained(settings, SILVER_USERS).tables[0].expiry
    assert found.need.version == VERSIONS - 1
    assert timedelta(days=1) < datetime.now(UTC) - found.since
