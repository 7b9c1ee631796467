"""`lakehouse maintain` as a user sees it: what was freed, and what was kept for whom."""

import json
from pathlib import Path

import pytest

from lakehouse.settings import Settings
from lakehouse.tables import SILVER_USERS
from tests.support.delta_tables import user, write
from tests.support.maintained import DAYS, HOURS, age, settings_at
from tests.support.outcome import Command

GO = "they go once the checkpoint after them is an hour old"


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    for number in range(3):
        write(tmp_path, SILVER_USERS, user(number, "Ana"), mode="overwrite")
    age(tmp_path, 2 * DAYS)
    return settings_at(tmp_path, keep_days=0)


def test_it_says_what_it_frees_and_why_the_rest_stays(command: Command, settings: Settings) -> None:
    first = command("maintain", settings=settings)
    assert first.code == 0, first.err
    assert (
        "silver.users waits: versions 0 to 1: they go once the checkpoint after them is an hour old" in first.out
    )
    age(Path(settings.root), 2 * HOURS)
    foreseen = json.loads(command("maintain", "--dry-run", "--json", settings=settings).out)
    done = json.loads(command("maintain", "--json", settings=settings).out)
    assert (foreseen.pop("dry_run"), done.pop("dry_run")) == (True, False)
    assert foreseen == done
    users, _ = done["tables"]  # the other is ops.runs, of the first run
    assert (users["table"], users["kept_from_version"], users["files"]) == ("silver.users", 2, 4)
    assert users["freed_bytes"] == done["freed_bytes"] > 0
    assert users["reason"].startswith("the versions since ")
    assert users["waits"] == [f"versions 2 to 2: {GO}"]


def test_an_unknown_table_is_one_line(command: Command, settings: Settings) -> None:
    assert command("maintain", "silver.user", settings=settings) == (
        2,
        "",
        "lakehouse: no table 'silver.user' in this lakehouse; did you mean silver.users?\n",
    )


def test_without_a_lakehouse_there_is_nothing_to_do(command: Command, tmp_path: Path) -> None:
    outcome = command("maintain", settings=settings_at(tmp_path / "none", keep_days=30))
    assert (outcome.code, outcome.err) == (0, "")
    assert "freed 0 B" in outcome.out
