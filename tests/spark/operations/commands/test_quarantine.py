"""`lakehouse quarantine` and `lakehouse drift` as a user runs them."""

import json
import re
import shutil
from functools import partial
from pathlib import Path

import pytest

from lakehouse.settings import Settings
from tests.support.outcome import Command


@pytest.fixture
def command(command: Command, quarantined: Settings) -> Command:
    """The command on the lakehouse with a quarantine, or on another root."""
    return partial(command, settings=quarantined)


def test_it_counts_by_rule_topic_and_day(command: Command) -> None:
    code, out, err = command("quarantine", "--json")
    assert (code, err) == (0, "")
    found = json.loads(out)
    assert (found["open"], found["resolved"]) == (14, 0)
    assert [tuple(group[name] for name in ("rule", "topic", "day", "rows")) for group in found["groups"]] == [
        ("clasificacion_unknown", "events", "2025-05-13", 9),
        ("key_unknown", "events", "2025-05-13", 2),
        ("id_missing", "events", "2025-05-13", 1),
        ("not_json_object", "events", "2025-05-13", 1),
        ("rating_out_of_range", "feedback", "2025-05-13", 1),
        ("titulo_missing", "events", "2025-05-13", 1),
    ]
    sample = found["groups"][3]["sample"]
    assert (sample["key"], sample["offset"], sample["sent"]) == ("text", 17, "no JSON")
    for arguments in ((), ("--days",)):
        code, out, _ = command("quarantine", *arguments)
        assert code == 0
        assert re.search(r" events +2025-05-13 +9 ", out)
        assert out.splitlines()[-1] == "14 open, 0 resolved"


def test_it_shows_the_rows_of_a_rule(command: Command) -> None:
    code, out, err = command("quarantine", "show", "titulo_missing", "--json")
    assert (code, err) == (0, "")
    [row] = json.loads(out)
    assert [reason["rule"] for reason in row["reasons"]] == ["titulo_missing", "clasificacion_unknown"]
    assert (row["key"], row["is_corrected"], json.loads(row["value"])["titulo"]) == ("two faults", False, " ")
    code, out, _ = command("quarantine", "show", "clasificacion_unknown", "--limit", "2")
    assert out.splitlines()[-1] == "the first 2 rows; --limit shows more"


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        (("show", "titulo_mising"), "lakehouse: no rule 'titulo_mising'; did you mean titulo_missing?\n"),
        (
            ("replay", "--rule", "zzz"),
            "lakehouse: no rule 'zzz'; lakehouse quarantine lists those that are broken\n",
        ),
        (
            ("replay", "--set", "a=1", "--set", "a=2"),
            "lakehouse: --set gives a twice; give each field one value\n",
        ),
    ],
)
def test_a_wrong_word_is_one_line(command: Command, arguments: tuple[str, ...], problem: str) -> None:
    assert command("quarantine", *arguments) == (2, "", problem)


def test_it_replays_and_says_what_became_of_them(command: Command, quarantined: Settings, tmp_path: Path) -> None:
    root = str(shutil.copytree(quarantined.root, tmp_path / "lakehouse"))
    chosen = ("quarantine", "replay", "--rule", "rating_out_of_range", "--set", "rating=4")
    code, out, err = command(*chosen, "--dry-run", root=root)
    assert (code, err) == (0, "")
    judged = "1 rows validated again: 1 applied, 0 superseded, 0 deleted, 0 stay open"
    assert out.splitlines() == [judged, "dry run: nothing was changed"]
    # its Kafka timestamp is on that day, not a day later
    assert command(*chosen, "--since", "2025-05-14", root=root)[1] == "0 rows: no open row is selected\n"
    code, out, _ = command(*chosen, "--since", "2025-05-13", "--json", root=root)
    printed = json.loads(out)
    assert (code, printed["judged"], printed["applied"], printed["open"], printed["changed"]) == (0, 1, 1, 0, 1)
    assert command(*chosen, root=root)[:2] == (0, "0 rows: no open row is selected\n")
    assert command("quarantine", root=root)[1].splitlines()[-1] == "13 open, 1 resolved"


def test_without_silver_it_says_what_to_do(command: Command, tmp_path: Path) -> None:
    for arguments, table in ((("quarantine",), "quarantine"), (("quarantine", "replay"), "quarantine"),
                             (("drift",), "batches")):  # fmt: skip
        code, out, err = command(*arguments, root=str(tmp_path))
        assert (code, out) == (2, "")
        assert err.startswith(f"lakehouse: table silver.{table} does not exist under {tmp_path}; make it with: ")


def test_no_drift_is_said(command: Command) -> None:
    assert command("drift") == (0, "no unknown field was seen\n", "")
    assert command("drift", "--json") == (0, "[]\n", "")
