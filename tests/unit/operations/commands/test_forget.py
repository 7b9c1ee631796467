"""`lakehouse forget`: one of two people goes from everything that is stored, and the other one stays."""

import csv
import json
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from deltalake import CommitProperties

from lakehouse.compaction import COPY
from lakehouse.exports import write_csv
from lakehouse.forgotten import read_forgotten
from lakehouse.lakehouse import Lakehouse, delete
from lakehouse.locks import only_run
from lakehouse.pseudonyms import NOBODY, pseudonym
from lakehouse.runs import store
from lakehouse.settings import Settings, load_settings
from lakehouse.tables import (
    BRONZE_EVENTS,
    BRONZE_FEEDBACK,
    GOLD_RECOMMENDATIONS,
    SILVER_BATCHES,
    SILVER_CORRECTIONS,
    SILVER_QUARANTINE,
    SILVER_TOMBSTONES,
    SILVER_USERS,
)
from lakehouse.tables.declaration import CHANGEABLE
from operations.commands import forget as command_module
from operations.commands.forget import forget
from operations.person import forgetting
from operations.person.rows import rows_of
from operations.person.searching import files_naming
from tests.support.delta_tables import batch, user, write
from tests.support.maintained import silver_has_read
from tests.support.outcome import Command
from tests.support.two_people import make, sent

EXPORT, REPORT = "exports/powerbi/data/users.csv", "exports/report.html"
PAGE = "quality/docs/run/silver.users.html"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Two people, an older version of silver.users with a change feed, an export, a report, and a check page."""
    root = tmp_path / "lakehouse"
    make(root)
    feed = {"delta.enableChangeDataFeed": "true"}
    Lakehouse(root).delta(SILVER_USERS).alter.set_table_properties(feed)
    Lakehouse(root).delta(SILVER_USERS).update(predicate="id = 'u1'", new_values={"nombre_usuario": "'Eva'"})
    field = {"field": "friend", "rows": 1, "sample": "u1", "topic": "users", "type": "user", "first_seen": None}
    write(root, SILVER_BATCHES, batch(0, field, field | {"field": "pais", "sample": "MX"}))
    write_csv(f"{root}/{EXPORT}", ("user_key", "id"), [("u1", "u1"), ("u11", "u11")])
    for path, text in ((REPORT, '["u1"]'), (PAGE, "<td>u1</td>"), ("quality/docs/run/other.html", "u11")):
        Path(root, path).parent.mkdir(parents=True, exist_ok=True)
        Path(root, path).write_text(text)
    caught_up(root)
    return root


@pytest.fixture
def settings(root: Path) -> Settings:
    return load_settings().model_copy(update={"root": str(root)})


def caught_up(root: Path) -> None:
    lake = Lakehouse(root)
    silver_has_read(root, lake.version(BRONZE_EVENTS), feedback=lake.version(BRONZE_FEEDBACK))


def naming(root: Path, *user_ids: str) -> dict[str, int]:
    return files_naming(Lakehouse(root).folder, user_ids)[0]


def read(root: Path, table: Any, *columns: str) -> list[dict[str, Any]]:
    return list(Lakehouse(root).read(table, columns=columns or None).to_pylist())


def name_of(root: Path, user_id: str) -> str:
    return pseudonym(read_forgotten(str(root)).key, user_id)


def test_the_search_finds_every_place_before(root: Path) -> None:
    """Otherwise it would prove nothing afterwards: logs with statistics, data of old versions, change files."""
    found = naming(root, "u1")
    places = ("_change_data", "_delta_log", "models/", "exports/", "quality/docs/", "bronze/feedback/part")
    assert [place for place in places if not any(place in path for path in found)] == []


def test_nothing_names_them_any_more(root: Path, settings: Settings) -> None:
    others = naming(root, "u11")
    done = forget(settings, {"u1"})
    assert (done.naming, naming(root, "u1")) == ({}, {})
    assert done.searched > 0
    assert rows_of(Lakehouse(root), "u1").is_empty
    assert {path.split("/")[1] for path in naming(root, "u11")} == {path.split("/")[1] for path in others}
    assert [row["nombre_usuario"] for row in read(root, SILVER_USERS)] == ["Luis"]
    assert [row["user_id"] for row in read(root, GOLD_RECOMMENDATIONS)] == ["u11"]


def test_what_a_killed_stream_left_of_a_copy_goes(root: Path, settings: Settings) -> None:
    left = root / "silver" / "users" / COPY / "_delta_log"
    left.mkdir(parents=True)
    (left / f"{0:020d}.json").write_text('{"add": {"stats": "u1"}}')
    assert any(COPY in path for path in naming(root, "u1"))
    assert forget(settings, {"u1"}).naming == {}


def test_records_keep_their_places_as_deletions_of_a_pseudonym(root: Path, settings: Settings) -> None:
    forget(settings, {"u1"})
    name = name_of(root, "u1")
    rows = {row["offset"]: row for row in read(root, BRONZE_EVENTS)}
    assert sorted(rows) == [1, 2, 3, 4, 5, 6, 7]
    emptied = [offset for offset, row in rows.items() if row["key"] == name and row["value"] is None]
    assert sorted(emptied) == [1, 3, 6, 7]
    assert [row["offset"] for row in read(root, BRONZE_FEEDBACK) if row["key"] == name] == [1, 3]


def test_silver_has_the_tombstone_that_a_rebuild_would_find(root: Path, settings: Settings) -> None:
    forget(settings, {"u1"})
    (row,) = (row for row in read(root, SILVER_TOMBSTONES) if row["id"] == name_of(root, "u1"))
    assert (row["topic"], row["offset"], row["event_timestamp"]) == ("users", 7, row["kafka_timestamp"])


def test_the_tombstone_is_that_of_the_quarantine_if_retention_has_removed_the_rest(
    root: Path, settings: Settings
) -> None:
    """The audit looks for a trace of every resolved record."""
    for table in (BRONZE_EVENTS, BRONZE_FEEDBACK):
        Lakehouse(root).delta(table).alter.set_table_properties(dict(CHANGEABLE))
        delete(Lakehouse(root).delta(table), "true", CommitProperties())
    caught_up(root)
    forget(settings, {"u1"})
    assert [(row["id"], row["offset"]) for row in read(root, SILVER_TOMBSTONES) if row["topic"] == "users"] == [
        (name_of(root, "u1"), 7)
    ]


def test_their_quarantined_records_are_resolved(root: Path, settings: Settings) -> None:
    """As deletions, so that the audit finds an outcome for each and nobody works on them."""
    forget(settings, {"u1"})
    name = name_of(root, "u1")
    rows = {row["offset"]: row for row in read(root, SILVER_QUARANTINE)}
    assert [offset for offset, row in sorted(rows.items()) if row["status"] == "resolved"] == [3, 7]
    assert (rows[3]["key"], rows[3]["value"], rows[3]["id"]) == (name, None, name)
    assert [reason["value"] for reason in rows[3]["reasons"]] == [None]
    assert rows[4]["key"] == "u11"
    corrections = read(root, SILVER_CORRECTIONS, "offset", "outcome", "target", "id", "value")
    assert sorted(corrections, key=lambda row: row["offset"]) == [
        {"offset": offset, "outcome": "deleted", "target": "tombstones", "id": name, "value": None}
        for offset in (3, 7)
    ]


def test_samples_go_and_other_values_stay(root: Path, settings: Settings) -> None:
    forget(settings, {"u1"})
    (row,) = read(root, SILVER_BATCHES, "unknown_fields")
    assert [field["sample"] for field in row["unknown_fields"]] == [None, "MX"]


def test_files_beside_the_tables(root: Path, settings: Settings) -> None:
    done = forget(settings, {"u1"})
    with Path(root, EXPORT).open(encoding="utf-8-sig", newline="") as file:
        assert list(csv.reader(file)) == [["user_key", "id"], ["u11", "u11"]]
    assert not Path(root, REPORT).exists()
    assert not Path(root, PAGE).exists()
    assert Path(root, "quality/docs/run/other.html").exists()
    assert {EXPORT, REPORT, PAGE, "models/als-1/user_factors/part-0.parquet"} == set(done.files)


def test_older_versions_cannot_be_read_and_it_says_so(root: Path, settings: Settings) -> None:
    before = Lakehouse(root).version(SILVER_USERS)
    kept_from = forget(settings, {"u1"}).kept_from[SILVER_USERS.sql_name]
    assert kept_from > before
    assert Lakehouse(root).versions(SILVER_USERS) == [kept_from]


def test_bronze_is_append_only_again(root: Path, settings: Settings) -> None:
    forget(settings, {"u1"})
    assert Lakehouse(root).delta(BRONZE_EVENTS).metadata().configuration["delta.appendOnly"] == "true"


def test_what_arrives_late_goes_with_the_next_run_without_any_id(root: Path, settings: Settings) -> None:
    forget(settings, {"u1"})
    write(root, BRONZE_EVENTS, sent(8, {"id": "u1", "type": "user"}, "u1"))
    caught_up(root)
    assert forget(settings, set()).rows[BRONZE_EVENTS.sql_name] == 1
    assert naming(root, "u1") == {}


def test_a_second_run_changes_no_row(settings: Settings) -> None:
    forget(settings, {"u1"})
    again = forget(settings, {"u1"})
    assert (sum(again.rows.values()), again.files, again.naming) == (0, [], {})


STEPS = ("settle", "empty", "_remove", "bury", "_change")


@pytest.mark.parametrize("after", range(0, 16, 3))
def test_a_run_that_was_killed_is_finished_by_the_next_one(
    root: Path, settings: Settings, after: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Before, between and after the commits to the tables, and between the files that go."""
    left = [after]

    def dying(function: Callable[..., Any]) -> Callable[..., Any]:
        def call(*arguments: Any, **named: Any) -> Any:
            left[0] -= 1
            if left[0] < 0:
                raise KeyboardInterrupt
            return function(*arguments, **named)

        return call

    with monkeypatch.context() as patch:
        for name in STEPS:
            patch.setattr(forgetting, name, dying(getattr(forgetting, name)))
        for name in ("clean_files", "purge", "files_naming"):
            patch.setattr(command_module, name, dying(getattr(command_module, name)))
        with pytest.raises(KeyboardInterrupt):
            forget(settings, {"u1"})
    forget(settings, set())
    assert naming(root, "u1") == {}
    assert [row["nombre_usuario"] for row in read(root, SILVER_USERS)] == ["Luis"]
    emptied = [row["offset"] for row in read(root, BRONZE_EVENTS) if row["key"] == name_of(root, "u1")]
    assert sorted(emptied) == [1, 3, 6, 7]
    assert sum(forget(settings, set()).rows.values()) == 0


def test_the_key_is_its_owners_alone_and_the_hash_says_nothing(root: Path, settings: Settings) -> None:
    forget(settings, {"u1"})
    assert stat.S_IMODE(Path(root, "forgotten", "key").stat().st_mode) == 0o600
    known = read_forgotten(str(root))
    assert known.pseudonyms == {pseudonym(known.key, "u1")}
    assert pseudonym(b"another key", "u1") not in known.pseudonyms


def test_a_batch_of_ids_from_a_file(root: Path, settings: Settings, command: Command, tmp_path: Path) -> None:
    file = tmp_path / "ids.txt"
    file.write_text("\ufeffu1\n\n u11 \n", encoding="utf-8")
    code, out, _ = command("forget", "--file", str(file), "--yes", "--json", settings=settings)
    assert (code, json.loads(out)["naming"]) == (0, {})
    assert naming(root, "u1", "u11") == {}
    assert read(root, SILVER_USERS) == []


def test_the_run_is_recorded_without_the_id(root: Path, settings: Settings, command: Command) -> None:
    code, out, _ = command("forget", "u1", "--yes", settings=settings)
    assert code == 0
    assert "none of them names them any more" in out
    (run,) = store.read(Lakehouse(root))
    assert (run.job, run.command, run.result) == ("forget", "lakehouse forget", "succeeded")
    assert naming(root, "u1") == {}


def test_a_file_that_still_names_them_is_a_failed_check(root: Path, settings: Settings, command: Command) -> None:
    Path(root, "notes.txt").write_text("ask u1 about it")
    code, out, _ = command("forget", "u1", "--yes", settings=settings)
    assert code == 1
    assert "FAULT  notes.txt still names them 1 times" in out


@pytest.mark.parametrize("writer", ["bronze", "silver", "gold.models", "maintenance"])
def test_beside_a_writer_it_refuses(settings: Settings, command: Command, writer: str) -> None:
    with only_run(settings.shared_ops, writer):
        code, _, err = command("forget", "u1", "--yes", settings=settings)
    assert (code, err.startswith(f"lakehouse: {writer} is already running")) == (2, True)
    assert read_forgotten(settings.root) == NOBODY


def test_before_silver_has_read_all_of_bronze_it_refuses(root: Path, settings: Settings, command: Command) -> None:
    write(root, BRONZE_EVENTS, sent(9, None, "u1"))
    code, _, err = command("forget", "u1", "--yes", settings=settings)
    assert (code, err) == (
        2,
        "lakehouse: silver has not read all of bronze; first: lakehouse run --select silver\n",
    )


def test_a_constraint_that_needs_spark_stops_it_before_anything_is_changed(
    root: Path, settings: Settings, command: Command
) -> None:
    """As earlier versions made them: delta-rs would fail in the middle."""
    Lakehouse(root).delta(SILVER_QUARANTINE).alter.set_table_properties(
        {"delta.constraints.has_reason": "size(reasons) > 0"}, raise_if_not_exists=False
    )
    code, _, err = command("forget", "u1", "--yes", settings=settings)
    assert (code, err.count("\n")) == (2, 1)
    assert err.startswith("lakehouse: delta-rs cannot check has_reason, a constraint of silver.quarantine: ")
    assert read_forgotten(str(root)) == NOBODY


def test_without_anybody_it_refuses(settings: Settings, command: Command) -> None:
    code, _, err = command("forget", "--yes", settings=settings)
    assert (code, err) == (
        2,
        "lakehouse: nobody to forget; name a USER_ID, or a file of them with --file\n",
    )


def test_somebody_who_is_not_there_leaves_the_rows_of_others(root: Path, settings: Settings) -> None:
    write(root, SILVER_USERS, user(5, "Zoé"))
    forget(settings, {"u2"})
    assert len(read(root, SILVER_USERS)) == 3
