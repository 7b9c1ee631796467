"""`lakehouse runs`, and which commands leave a row."""

import json
from functools import partial
from pathlib import Path

import pytest

from lakehouse.lakehouse import Lakehouse
from lakehouse.runs import store
from lakehouse.settings import Settings, load_settings
from lakehouse.tables import SILVER_USERS
from tests.support.delta_tables import make
from tests.support.outcome import Command


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    make(tmp_path)
    return load_settings().model_copy(update={"root": str(tmp_path)})


@pytest.fixture
def command(command: Command, settings: Settings) -> Command:
    return partial(command, settings=settings)


def test_without_runs_it_says_what_makes_one(command: Command, settings: Settings) -> None:
    code, out, err = command("runs")
    assert (code, out) == (2, "")
    missing = f"table ops.runs does not exist under {settings.root}"
    assert err == f"lakehouse: {missing}; make it with: lakehouse run\n"


def test_the_newest_runs_come_first(command: Command) -> None:
    """A check of a small table needs no Spark; a restore fails, because the table is at this version."""
    assert command("check", "silver.users").code == 0
    assert command("restore", SILVER_USERS.sql_name, "1").code == 2
    found = json.loads(command("runs", "--json").out)
    assert [(run["job"], run["command"], run["result"], run["exit_code"]) for run in found] == [
        ("restore", "lakehouse restore silver.users 1", "failed", 2),
        ("check", "lakehouse check silver.users", "succeeded", 0),
    ]
    assert found[0]["error"].startswith("silver.users is already at version 1")
    assert found[1]["versions_read"] == {"silver.users": 1}
    assert list(found[1]["versions_written"]) == ["quality.results"]
    assert found[1]["rows"] > 5
    [line] = [line for line in command("runs", "--limit", "1").out.splitlines() if "lakehouse restore" in line]
    assert line.split()[3:6] == ["restore", "failed", "2"]


@pytest.mark.parametrize(
    "arguments", [("history", "silver.users"), ("models",), ("quarantine",), ("diff", "silver.users", "0", "1")]
)
def test_a_command_that_only_reads_leaves_no_row(
    command: Command, settings: Settings, arguments: tuple[str, ...]
) -> None:
    assert command(*arguments).code == 0
    assert not Lakehouse(settings.root).exists("ops.runs")


def test_a_replay_is_recorded_without_its_arguments(
    command: Command, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They may name a person, and the table keeps its rows."""
    monkeypatch.setattr("operations.commands.quarantine._replay", lambda *_, **__: None)
    assert command("quarantine", "replay", "--set", "id=ana@example.com").code == 0
    [run] = store.read(Lakehouse(settings.root))
    assert (run.job, run.command) == ("quarantine", "lakehouse quarantine replay")
