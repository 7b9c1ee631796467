"""What retention removes from bronze, what it keeps, and what it leaves for those who count: no Spark."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from deltalake import DeltaTable

from lakehouse.arrow import arrow_schema
from lakehouse.errors import InputError
from lakehouse.history import retention
from lakehouse.history.backlog import silver_backlog, silver_offsets
from lakehouse.history.commits import commits
from lakehouse.history.data_files import unread_files
from lakehouse.history.retention import Removed
from lakehouse.lakehouse import Lakehouse, append
from lakehouse.locks import only_run
from lakehouse.settings import Settings
from lakehouse.tables import BRONZE_EVENTS
from lakehouse.tables.declaration import APPEND_ONLY, CHANGEABLE
from maintenance import maintain
from maintenance import retention as work
from maintenance.maintain import Kept
from operations.commands.rebuild import require_all_rows
from tests.support.delta_tables import NOON, arrow_rows, fill
from tests.support.folders import AWKWARD
from tests.support.maintained import maintained, settings_at, silver_has_read

TODAY = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
OLD, YOUNG = TODAY - timedelta(days=40), TODAY - timedelta(days=20)
PART = ("users", 0)


def row(offset: int, read_at: datetime, *, partition: int = 0) -> tuple[Any, ...]:
    return ("users", partition, offset, NOON, f"u{offset}", None, "{}", None, None, read_at)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Versions 1 to 4 have a batch each: three old ones, of which silver has read two, and a young one."""
    root = tmp_path / AWKWARD
    fill(str(root), BRONZE_EVENTS, [row(offset, OLD) for offset in range(3)])
    fill(str(root), BRONZE_EVENTS, [row(3, OLD), row(0, OLD, partition=1)])
    fill(str(root), BRONZE_EVENTS, [row(4, OLD), row(1, OLD, partition=1)])
    fill(str(root), BRONZE_EVENTS, [row(5, YOUNG)])
    silver_has_read(root, 1, 2)
    return root


@pytest.fixture
def settings(root: Path) -> Settings:
    return kept_for(settings_at(root, keep_days=0), 30)


def kept_for(settings: Settings, days: int) -> Settings:
    return settings.model_copy(update={"bronze": settings.bronze.model_copy(update={"keep_days": days})})


def bronze(root: Path) -> list[tuple[int, int]]:
    rows = Lakehouse(root).read(BRONZE_EVENTS, columns=["partition", "offset"]).to_pylist()
    return sorted((row["partition"], row["offset"]) for row in rows)


def maintained_bronze(settings: Settings, *, dry_run: bool = False) -> Kept:
    return maintained(settings, BRONZE_EVENTS, dry_run=dry_run).tables[0]


def retired_rows(kept: Kept) -> int | None:
    return kept.retired and kept.retired.rows


def removed(root: Path, part: tuple[str, int]) -> Removed:
    return retention.removed(Lakehouse(root).delta(BRONZE_EVENTS), part)


def test_old_rows_that_silver_has_read_go_in_one_commit(root: Path, settings: Settings) -> None:
    before = Lakehouse(root).version(BRONZE_EVENTS)
    kept = maintained_bronze(settings)
    assert retired_rows(kept) == 5
    assert bronze(root) == [(0, 4), (0, 5), (1, 1)]
    assert removed(root, PART) == Removed(0, 4, 4, 4)
    assert removed(root, ("users", 1)) == Removed(0, 1, 1, 1)
    assert [commit.operation for commit in commits(Lakehouse(root), BRONZE_EVENTS, after=before)] == [
        "SET TBLPROPERTIES",
        "MERGE",
    ]


def test_a_second_run_of_the_day_finds_nothing(root: Path, settings: Settings) -> None:
    maintained_bronze(settings)
    before = Lakehouse(root).version(BRONZE_EVENTS)
    assert retired_rows(maintained_bronze(settings)) == 0
    assert Lakehouse(root).version(BRONZE_EVENTS) == before


def test_what_it_removes_later_adds_to_the_record(root: Path, settings: Settings) -> None:
    maintained_bronze(settings)
    silver_has_read(root, 1, 2, Lakehouse(root).version(BRONZE_EVENTS))
    assert retired_rows(maintained_bronze(kept_for(settings, 10))) == 3
    assert (removed(root, PART), bronze(root)) == (Removed(0, 6, 6, 6), [])
    until = retention.removed_until(Lakehouse(root).delta(BRONZE_EVENTS))
    assert until == TODAY - timedelta(days=10)


@pytest.mark.parametrize("batches", [(), (0,)])
def test_what_silver_has_not_read_stays(tmp_path: Path, batches: tuple[int, ...]) -> None:
    fill(str(tmp_path), BRONZE_EVENTS, [row(0, OLD)])
    if batches:
        silver_has_read(tmp_path, *batches)
    assert retired_rows(maintained_bronze(kept_for(settings_at(tmp_path, keep_days=0), 1))) == 0
    assert bronze(tmp_path) == [(0, 0)]


def test_without_the_setting_all_is_kept(root: Path, settings: Settings) -> None:
    assert maintained_bronze(kept_for(settings, 0)).retired is None
    assert len(bronze(root)) == 8


def test_a_dry_run_says_the_same_and_changes_nothing(root: Path, settings: Settings) -> None:
    foreseen = maintained_bronze(settings, dry_run=True)
    assert (retired_rows(foreseen), len(bronze(root))) == (5, 8)
    day = f"{TODAY - timedelta(days=30):%Y-%m-%d}"
    assert list(maintain.lines(maintain.Maintenance((foreseen,), None), dry_run=True))[1] == (
        f"  5 rows that bronze read before {day} would be removed (bronze.keep_days)"
    )


def test_the_record_outlives_the_log_of_its_commit(root: Path, settings: Settings) -> None:
    maintained_bronze(settings)
    lake = Lakehouse(root)
    lake.delta(BRONZE_EVENTS).create_checkpoint()
    log = Path(root, "bronze", "events", "_delta_log")
    for version in lake.versions(BRONZE_EVENTS)[:-1]:
        (log / f"{version:020d}.json").unlink()
    assert removed(root, PART) == Removed(0, 4, 4, 4)


def test_records_that_arrive_meanwhile_are_no_conflict(
    root: Path, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The table is opened, then the stream appends, then the rows are removed."""

    def appended(delta: DeltaTable, *_: Any) -> Any:
        append(Lakehouse(root).delta(BRONZE_EVENTS), arrow_rows(BRONZE_EVENTS, [row(6, TODAY)]))
        return original(delta, *_)

    original = work.delete
    monkeypatch.setattr(work, "delete", appended)
    assert retired_rows(maintained_bronze(settings)) == 5
    assert bronze(root) == [(0, 4), (0, 5), (0, 6), (1, 1)]


def test_files_that_are_joined_meanwhile_make_it_try_again(
    root: Path, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Otherwise the joined file would bring back the rows, or have them twice."""
    tried, original = [], work.delete

    def joined(delta: DeltaTable, *_: Any) -> Any:
        tried.append(1)
        if len(tried) == 1:
            rewritten(root)
        return original(delta, *_)

    monkeypatch.setattr(work, "delete", joined)
    assert retired_rows(maintained_bronze(settings)) == 5
    assert (bronze(root), len(tried)) == ([(0, 4), (0, 5), (1, 1)], 2)


def rewritten(root: Path) -> None:
    """Another writer moves all rows to another file. delta-rs' compaction panics in a folder of this name."""
    lake = Lakehouse(root)
    opened, rows = lake.delta(BRONZE_EVENTS), lake.read(BRONZE_EVENTS).cast(arrow_schema(BRONZE_EVENTS))
    merge = opened.merge(rows, "false", source_alias="s", target_alias="t")
    merge.when_not_matched_insert_all().when_not_matched_by_source_delete().execute()


def test_beside_the_stream_that_has_made_it_append_only_it_waits(root: Path, settings: Settings) -> None:
    lake = Lakehouse(root)
    lake.delta(BRONZE_EVENTS).alter.set_table_properties(dict(APPEND_ONLY))
    with only_run(settings.shared_ops, "bronze"):
        kept = maintained_bronze(settings)
    assert retired_rows(kept) == 0
    assert any(told.startswith("removing its old rows: bronze is already running") for told in kept.waits)
    assert retired_rows(maintained_bronze(settings)) == 5


def test_beside_the_stream_it_removes_rows_once_the_table_lets_it(root: Path, settings: Settings) -> None:
    lake = Lakehouse(root)
    lake.delta(BRONZE_EVENTS).alter.set_table_properties(dict(CHANGEABLE))
    with only_run(settings.shared_ops, "bronze"), only_run(settings.shared_ops, "silver"):
        assert retired_rows(maintained_bronze(settings)) == 5


def test_beside_a_rebuild_it_waits(root: Path, settings: Settings) -> None:
    (root / "rebuild" / "silver-1").mkdir(parents=True)
    assert maintained_bronze(settings).waits[0] == "removing its old rows: a rebuild of silver is not complete"
    (root / "rebuild" / "silver-1").rmdir()
    with only_run(settings.shared_ops, "rebuild-silver"):
        assert maintained_bronze(settings).waits[0].startswith("removing its old rows: rebuild-silver is already")
    assert len(bronze(root)) == 8


def test_a_rebuild_of_silver_says_from_when_it_can(root: Path, settings: Settings) -> None:
    lake = Lakehouse(root)
    require_all_rows(lake)
    maintained_bronze(settings)
    with pytest.raises(InputError) as told:
        require_all_rows(lake)
    assert told.value.problem == (
        f"bronze can rebuild silver from {TODAY - timedelta(days=30):%Y-%m-%d} on only: of what silver has read, "
        "bronze.events lacks 5 rows (bronze.keep_days)"
    )
    retention.restart_counts(lake.delta(BRONZE_EVENTS))
    require_all_rows(lake)
    assert removed(root, PART) == Removed(0, 4, 4, 0)
    assert next(commits(lake, BRONZE_EVENTS)).is_own


@pytest.mark.parametrize("after", range(3))
def test_a_kill_at_any_moment_is_no_fault(
    root: Path, settings: Settings, after: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The rows and their record go in one commit, so that there is nothing in between."""
    left = [after]

    def dying(function: Any) -> Any:
        def call(*arguments: Any, **named: Any) -> Any:
            left[0] -= 1
            if left[0] < 0:
                raise KeyboardInterrupt
            return function(*arguments, **named)

        return call

    with monkeypatch.context() as patch:
        for name in ("_let_rows_go", "record", "delete"):
            patch.setattr(work, name, dying(getattr(work, name)))
        with pytest.raises(KeyboardInterrupt):
            maintained_bronze(settings)
    assert (removed(root, PART), len(bronze(root))) == (Removed(0, 0, 0, 0), 8)
    assert retired_rows(maintained_bronze(settings)) == 5


def test_the_run_as_json(settings: Settings) -> None:
    (told,) = maintain.described(maintained(settings, BRONZE_EVENTS))["tables"]
    assert (told["rows_removed"], told["rows_removed_before"]) == (5, TODAY - timedelta(days=30))
    assert json.dumps(told, default=str)


def test_files_of_versions_inside_the_window_stay(root: Path, settings: Settings) -> None:
    """The rows are gone from the newest version; time travel still reads the ones before."""
    before = Lakehouse(root).version(BRONZE_EVENTS)
    maintained_bronze(settings)
    assert Lakehouse(root).read(BRONZE_EVENTS, version=before).num_rows == 8


def test_the_rows_that_it_moves_to_another_file_are_not_unread(root: Path, settings: Settings) -> None:
    lake = Lakehouse(root)
    offset = (silver_offsets(lake.folder) or {})["bronze.events"]
    before = unread_files(lake, BRONZE_EVENTS, offset)
    maintained_bronze(settings)
    assert unread_files(lake, BRONZE_EVENTS, offset) == before
    assert silver_backlog(lake, now=datetime.now(UTC)).rows == 3
