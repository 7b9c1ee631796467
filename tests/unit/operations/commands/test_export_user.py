"""`lakehouse export-user`: everything about one of two people, from tables that hold both."""

import json
from pathlib import Path
from typing import Any

import pytest

from lakehouse.settings import Settings, load_settings
from lakehouse.tables import BRONZE_EVENTS
from tests.support.delta_tables import write
from tests.support.outcome import Command
from tests.support.two_people import make, sent


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    root = tmp_path / "lakehouse"
    make(root)
    return load_settings().model_copy(update={"root": str(root)})


def offsets(rows: list[dict[str, Any]]) -> list[int]:
    return [row["offset"] for row in rows]


def test_every_table_and_model_is_searched(settings: Settings, command: Command) -> None:
    code, out, _ = command("export-user", "u1", settings=settings)
    told = json.loads(out)
    tables = told["tables"]
    assert (code, told["user_id"]) == (0, "u1")
    assert offsets(tables["bronze.events"]) == [1, 3, 6, 7]
    assert offsets(tables["bronze.feedback"]) == [1, 3, 4]
    assert offsets(tables["silver.quarantine"]) == [3, 7]
    assert offsets(tables["silver.corrections"]) == [7]
    assert [row["nombre_usuario"] for row in tables["silver.users"]] == ["Ana"]
    assert [row["id"] for row in tables["silver.feedback"]] == ["f1"]
    assert [row["id"] for row in tables["silver.tombstones"]] == ["f3"]
    assert [row["user_id"] for row in tables["gold.recommendations"]] == ["u1"]
    assert len(tables["quality.results"]) == 2
    assert told["models"] == {"als-1": [{"user_id": "u1", "factors": [1.0]}]}


def test_an_id_that_may_have_been_a_number_is_found_however_it_was_written(
    settings: Settings, command: Command
) -> None:
    write(Path(settings.root), BRONZE_EVENTS, sent(8, '{"id": 1e2, "type": "user"}', "k"))
    told = json.loads(command("export-user", "100", settings=settings).out)
    assert offsets(told["tables"]["bronze.events"]) == [8]


def test_it_can_be_written_to_a_file(settings: Settings, command: Command, tmp_path: Path) -> None:
    file = tmp_path / "ana.json"
    assert command("export-user", " u1 ", "--output", str(file), settings=settings)[:2] == (0, "")
    assert json.loads(file.read_text(encoding="utf-8"))["user_id"] == "u1"


def test_the_file_may_be_a_file_address_and_no_other_place(
    settings: Settings, command: Command, tmp_path: Path
) -> None:
    file = tmp_path / "ana 1.json"
    assert command("export-user", "u1", "--output", file.as_uri(), settings=settings)[:2] == (0, "")
    assert json.loads(file.read_text(encoding="utf-8"))["user_id"] == "u1"
    for output, expected in ((f"{tmp_path}/new/", "a file, and not a folder"), ("s3a:/bucket/a", "two slashes")):
        code, _, err = command("export-user", "u1", "--output", output, settings=settings)
        assert (code, err.count("\n")) == (2, 1)
        assert expected in err
    assert not (tmp_path / "new").exists()


def test_somebody_unknown_is_an_error(settings: Settings, command: Command) -> None:
    code, out, err = command("export-user", "u2", settings=settings)
    assert (code, out, err) == (2, "", "lakehouse: no user 'u2'; the nearest ids are u1, u11\n")


def test_without_tables_it_says_how_to_make_them(command: Command, tmp_path: Path) -> None:
    settings = load_settings().model_copy(update={"root": str(tmp_path)})
    code, _, err = command("export-user", "u1", settings=settings)
    assert (code, err.count("\n")) == (2, 1)
    assert "silver.users does not exist" in err
