"""Small files are joined in a commit that changes no row and that no other commit can be doubled by."""

import json
import os
from pathlib import Path

import pytest
from deltalake import TableFeatures

from lakehouse import compaction
from lakehouse.compaction import COPY, join_small_files
from lakehouse.history.log import read_actions, table_log
from lakehouse.lakehouse import Lakehouse
from lakehouse.tables import BRONZE_EVENTS
from tests.support.delta_tables import NOON, fill
from tests.support.folders import AWKWARD


def add(lake: Lakehouse, first: int) -> None:
    """Ten records from that offset on, in one file."""
    rows = [
        ("users", 0, offset, NOON, None, None, f"{offset}", None, None, NOON)
        for offset in range(first, first + 10)
    ]
    fill(lake.root, BRONZE_EVENTS, rows)


@pytest.fixture
def lake(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Lakehouse:
    """Four small files, which are enough to be joined; below a folder of that name, if a test gives one."""
    monkeypatch.setattr(compaction, "MOST_FILES", 4)
    lake = Lakehouse(tmp_path / getattr(request, "param", "root"))
    for number in range(4):
        add(lake, number * 10)
    return lake


def offsets(lake: Lakehouse) -> list[int]:
    return sorted(lake.read(BRONZE_EVENTS)["offset"].to_pylist())


def files(lake: Lakehouse) -> set[str]:
    """What is stored beside the log."""
    return {path.name for path in Path(lake.path(BRONZE_EVENTS)).rglob("*.parquet")}


@pytest.mark.parametrize("lake", [AWKWARD, "a^b|c"], indirect=True)
def test_joined_files_hold_the_same_rows(lake: Lakehouse) -> None:
    before = lake.version(BRONZE_EVENTS)
    assert join_small_files(lake, BRONZE_EVENTS, lake.delta(BRONZE_EVENTS))
    assert lake.version(BRONZE_EVENTS) == before + 1
    assert offsets(lake) == list(range(40))
    assert len(lake.delta(BRONZE_EVENTS).file_uris()) == 1
    assert len(lake.read(BRONZE_EVENTS, version=before)) == 40
    [commit] = lake.history(BRONZE_EVENTS, limit=1)
    assert commit.operation == "OPTIMIZE"
    changes = [*read_actions(table_log(lake.folder, BRONZE_EVENTS), before + 1)]
    assert not any(
        action[kind]["dataChange"] for action in changes for kind in ("add", "remove") if kind in action
    )
    assert not Path(lake.path(BRONZE_EVENTS), COPY).exists()
    # appended to and joined again
    for number in range(4, 8):
        add(lake, number * 10)
    assert join_small_files(lake, BRONZE_EVENTS, lake.delta(BRONZE_EVENTS))
    assert offsets(lake) == list(range(80))


def test_few_files_are_left(lake: Lakehouse, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compaction, "MOST_FILES", 5)
    before = lake.version(BRONZE_EVENTS)
    assert not join_small_files(lake, BRONZE_EVENTS, lake.delta(BRONZE_EVENTS))
    assert lake.version(BRONZE_EVENTS) == before


@pytest.mark.parametrize("by", ["append", "compaction", "delete"])
def test_a_commit_made_meanwhile_wins(lake: Lakehouse, by: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """delta-rs alone would join the files of another compaction or of deleted rows once more."""
    link, path = os.link, Path(lake.path(BRONZE_EVENTS))
    expected = {"append": range(50), "compaction": range(40), "delete": range(10, 40)}[by]
    done: list[int] = []

    def meanwhile() -> None:
        table = lake.delta(BRONZE_EVENTS)
        if by == "append":
            add(lake, 40)
        elif by == "compaction":
            table.optimize.compact()
        else:
            table.alter.set_table_properties({"delta.appendOnly": "false"})
            lake.delta(BRONZE_EVENTS).delete('"offset" < 10')
        done.append(lake.version(BRONZE_EVENTS))

    def late(source: Path, target: Path) -> None:
        if not done and Path(target).parent == path:  # the joined file, before its commit
            meanwhile()
        link(source, target)

    monkeypatch.setattr(os, "link", late)
    assert not join_small_files(lake, BRONZE_EVENTS, lake.delta(BRONZE_EVENTS))
    assert done == [lake.version(BRONZE_EVENTS)]
    assert offsets(lake) == list(expected)
    # nothing is left of it
    assert files(lake) == {file for version in lake.versions(BRONZE_EVENTS) for file in _added(lake, version)}
    assert not (path / COPY).exists()


def _added(lake: Lakehouse, version: int) -> list[str]:
    actions = read_actions(table_log(lake.folder, BRONZE_EVENTS), version)
    return [action["add"]["path"] for action in actions if "add" in action]


def test_what_a_kill_left_goes_with_the_next_join(lake: Lakehouse) -> None:
    left = Path(lake.path(BRONZE_EVENTS), COPY, "_delta_log")
    left.mkdir(parents=True)
    (left / f"{0:020d}.json").write_text(json.dumps({"commitInfo": {}}))
    assert join_small_files(lake, BRONZE_EVENTS, lake.delta(BRONZE_EVENTS))
    assert not left.exists()
    assert offsets(lake) == list(range(40))


def test_a_table_with_deletion_vectors_is_left(lake: Lakehouse) -> None:
    lake.delta(BRONZE_EVENTS).alter.add_feature(
        TableFeatures.DeletionVectors, allow_protocol_versions_increase=True
    )
    assert not join_small_files(lake, BRONZE_EVENTS, lake.delta(BRONZE_EVENTS))


def test_a_join_that_fails_is_one_line_and_changes_nothing(
    lake: Lakehouse, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """At each of its links: as when the disk is full, or a file is another user's."""
    link, before, path = os.link, lake.version(BRONZE_EVENTS), Path(lake.path(BRONZE_EVENTS))
    for last in range(100):
        made: list[Path] = []

        def failing(source: Path, target: Path, made: list[Path] = made, last: int = last) -> None:
            if len(made) == last:
                raise PermissionError(1, "Operation not permitted", str(source))
            made.append(target)
            link(source, target)

        monkeypatch.setattr(os, "link", failing)
        if join_small_files(lake, BRONZE_EVENTS, lake.delta(BRONZE_EVENTS)):
            break
        [line] = capsys.readouterr().err.splitlines()
        assert "the small files of bronze.events were not joined, nothing is lost" in line
        assert lake.version(BRONZE_EVENTS) == before
        assert not (path / COPY).exists()
    assert last > 8  # the log, four files, the joined one and its commit
    assert offsets(lake) == list(range(40))


def test_a_link_that_was_made_but_reported_as_existing_is_the_tables_commit(
    lake: Lakehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As over NFS when the first answer is lost."""
    link, log = os.link, Path(lake.path(BRONZE_EVENTS), "_delta_log")

    def repeated(source: Path, target: Path) -> None:
        link(source, target)
        if Path(target).parent == log:
            raise FileExistsError(target)

    monkeypatch.setattr(os, "link", repeated)
    assert join_small_files(lake, BRONZE_EVENTS, lake.delta(BRONZE_EVENTS))
    assert offsets(lake) == list(range(40))
