"""The streams of the next version go on where those of this one stopped, on the same tables and checkpoint.

One root that both versions wrote, what a rebuild by the next one makes of it, and one root with a row that the
next version no longer accepts.
"""

import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from deltalake import DeltaTable
from pyspark.sql import SparkSession

from lakehouse.errors import TableError
from lakehouse.lakehouse import select
from lakehouse.root_version import root_version
from lakehouse.settings import Settings, load_settings
from lakehouse.tables import (
    BRONZE_EVENTS,
    BRONZE_FEEDBACK,
    SILVER_BATCHES,
    SILVER_CONTENT,
    SILVER_FEEDBACK,
    SILVER_QUARANTINE,
    SILVER_TOMBSTONES,
    SILVER_USERS,
    Table,
)
from silver.refine import refine
from tests.support import next_version
from tests.support.next_version import NEXT
from tests.support.outcome import Command, Outcome
from tests.support.records import FEEDBACK, MOVIE, USER, Row, event, land, tombstone

DOCUMENTARY = MOVIE | {"type": "documentary"}
VIEW, RATING = FEEDBACK | {"action": "view"}, FEEDBACK | {"action": "rating"}
LONG_TITLE = "x" * 201
BEYOND_INT = 3_000_000_000
# What this version reads...
EVENTS = [
    event(USER, "u1", 1),
    event(USER, "u2", 2, pais="MX"),  # a field that it does not know
    event(DOCUMENTARY, "d1", 3),  # a type that it does not know
    event(MOVIE, "m1", 4, titulo=LONG_TITLE),  # breaks the rule to come
    event(MOVIE, "m2", 5),
    event(MOVIE, "m3", 5),
]
ACTIONS = [
    event(VIEW, "f1", 6, seconds_watched=10),
    event(VIEW, "f2", 7, seconds_watched=BEYOND_INT),  # does not fit its type
    event(RATING, "f3", 8, rating=3),
]
LOW_RATING = event(RATING, "f0", 9, rating=0.5)  # breaks the rule that becomes stricter
# ...and the next one.
LATER_EVENTS = [
    event(USER, "u1", 10, pais="ES"),
    event(USER, "u3", 11, pais="AR"),
    event(DOCUMENTARY, "d2", 12),
    event(MOVIE, "m4", 13, titulo=LONG_TITLE),
    event(MOVIE, "m2", 14, titulo="Otro viaje"),
    tombstone("m3", 59),
]
LATER_ACTIONS = [
    event(VIEW, "f4", 15, seconds_watched=BEYOND_INT + 1),
    event(RATING, "f5", 16, rating=0.5),
    event(RATING, "f6", 17, rating=4),
]


class Upgraded(NamedTuple):
    """`continued`: a root that both versions wrote. That of `settings`: rebuilt. `strict`: has a low rating."""

    settings: Settings
    continued: str
    strict: str
    steps: dict[str, Outcome]


def run_this_version(spark: SparkSession, settings: Settings, *actions: Row, events: Sequence[Row] = ()) -> None:
    """A batch of silver's stream."""
    land(settings.root, BRONZE_EVENTS, events)
    land(settings.root, BRONZE_FEEDBACK, actions)
    refine(spark, settings)


def copied(settings: Settings, root: Path) -> Settings:
    return settings.model_copy(update={"root": shutil.copytree(settings.root, str(root))})


@pytest.fixture(scope="module")
def upgraded(spark: SparkSession, tmp_path_factory: pytest.TempPathFactory) -> Upgraded:
    folder = tmp_path_factory.mktemp("upgraded")
    settings = load_settings().model_copy(update={"root": str(folder / "lakehouse")})
    run_this_version(spark, settings, *ACTIONS[:1], events=EVENTS[:2])
    run_this_version(spark, settings, *ACTIONS[1:], events=EVENTS[2:])
    strict = copied(settings, folder / "strict")
    run_this_version(spark, strict, LOW_RATING)
    for one in (settings, strict):
        land(one.root, BRONZE_EVENTS, LATER_EVENTS)
        land(one.root, BRONZE_FEEDBACK, LATER_ACTIONS)
    continued = copied(settings, folder / "continued").root
    steps: dict[str, list[object]] = {
        "continue": [continued, {}, "stream"],
        "replay": [continued, {}, "quarantine", "replay", "--rule", "type_unknown"],
        # everything again, by Spark alone
        "rebuild": [settings.root, {"in_process_rows": 0}, "rebuild", "silver"],
        "check": [strict.root, {}, "check", "silver.feedback"],
        "refuse": [strict.root, {}, "stream"],
        "rebuild strictly": [strict.root, {}, "rebuild", "silver"],
        "go on": [strict.root, {}, "stream"],
    }
    next_version.write_to(folder / "next")
    outcomes = next_version.run_steps(folder / "next", settings, list(steps.values()))
    return Upgraded(settings, continued, strict.root, dict(zip(steps, outcomes, strict=True)))


def rows(root: str, table: Table) -> list[dict[str, Any]]:
    """The table's rows, also those that this version would not open."""
    found: list[dict[str, Any]] = select(DeltaTable(table.path(root))).to_pylist()
    return found


def by_id(root: str, table: Table, column: str) -> dict[str, Any]:
    return {row["id"]: row[column] for row in rows(root, table)}


def broken_rules(root: str) -> dict[str, str]:
    """The first rule that each open record of the quarantine broke, by the record's id."""
    return {
        row["id"]: row["reasons"][0]["rule"] for row in rows(root, SILVER_QUARANTINE) if row["status"] == "open"
    }


def test_the_stream_goes_on_in_its_own_checkpoint(upgraded: Upgraded) -> None:
    assert upgraded.steps["continue"] == (0, "", "")
    batches = sorted(rows(upgraded.continued, SILVER_BATCHES), key=lambda row: row["batch_id"])
    assert len({row["query_id"] for row in batches}) == 1
    assert [(row["batch_id"], row["rows_in"]) for row in batches] == [(0, 3), (1, 6), (2, 9)]


def test_a_new_optional_field(upgraded: Upgraded) -> None:
    """A record that had it too early needs a rebuild."""
    assert by_id(upgraded.continued, SILVER_USERS, "pais") == {"u1": "ES", "u2": None, "u3": "AR"}
    assert by_id(upgraded.settings.root, SILVER_USERS, "pais") == {"u1": "ES", "u2": "MX", "u3": "AR"}


def test_a_new_content_type(upgraded: Upgraded) -> None:
    """A record that came too early waits in the quarantine: a replay or a rebuild takes it."""
    assert upgraded.steps["replay"].out.startswith("1 rows validated again: 1 applied")
    for root in (upgraded.continued, upgraded.settings.root):
        types = by_id(root, SILVER_CONTENT, "type")
        assert {one: types[one] for one in ("d1", "d2", "m2")} == {
            "d1": "documentary",
            "d2": "documentary",
            "m2": "movie",
        }


def test_a_new_rule(upgraded: Upgraded) -> None:
    """It judges new records; a rebuild judges the old ones again."""
    old, new = broken_rules(upgraded.continued), broken_rules(upgraded.settings.root)
    assert (old.get("m1"), new.get("m1")) == (None, "titulo_too_long")
    assert old["m4"] == new["m4"] == "titulo_too_long"
    assert "m1" in by_id(upgraded.continued, SILVER_CONTENT, "type")
    assert "m1" not in by_id(upgraded.settings.root, SILVER_CONTENT, "type")


def test_a_stricter_rule(upgraded: Upgraded) -> None:
    """Rows that break its constraint are listed by a check, and stop the stream until they are judged again."""
    assert broken_rules(upgraded.continued)["f5"] == "rating_out_of_range"
    assert upgraded.steps["check"].code == 1
    assert "rating expect_column_values_to_be_between: 1 (expected 0" in upgraded.steps["check"].out
    code, _, err = upgraded.steps["refuse"]
    assert code == 2
    assert err.count("\n") == 1
    assert "cannot take the check rating_in_range" in err
    assert err.endswith("; lakehouse rebuild silver\n")
    assert upgraded.steps["rebuild strictly"].code == 0, upgraded.steps["rebuild strictly"].err
    assert upgraded.steps["go on"] == (0, "", "")
    assert broken_rules(upgraded.strict).keys() & {"f0", "f5"} == {"f0", "f5"}
    assert {"f0", "f5"}.isdisjoint(by_id(upgraded.strict, SILVER_FEEDBACK, "rating"))
    assert sum(row["rows_in"] for row in rows(upgraded.strict, SILVER_BATCHES)) == 19


def test_a_wider_type(upgraded: Upgraded) -> None:
    """No table feature, which some readers would not know; what the columns allow is as before."""
    assert by_id(upgraded.continued, SILVER_FEEDBACK, "seconds_watched")["f4"] == BEYOND_INT + 1
    assert broken_rules(upgraded.continued)["f2"] == "seconds_watched_invalid"
    assert by_id(upgraded.settings.root, SILVER_FEEDBACK, "seconds_watched")["f2"] == BEYOND_INT
    opened = DeltaTable(SILVER_FEEDBACK.path(upgraded.continued))
    columns = {field.name: (str(field.type), field.nullable) for field in opened.schema().fields}
    assert columns["seconds_watched"] == ('PrimitiveType("long")', True)
    assert {name: column[1] for name, column in columns.items()} == {
        field.name: field.nullable for field in SILVER_FEEDBACK.schema
    }
    assert opened.protocol().min_reader_version == 1


def test_all_other_rows_are_those_of_a_rebuild(upgraded: Upgraded) -> None:
    for table, judged_before in (
        (SILVER_USERS, {"u2"}),
        (SILVER_CONTENT, {"m1"}),
        (SILVER_FEEDBACK, {"f2"}),
        (SILVER_TOMBSTONES, set()),
    ):
        continued, rebuilt = (
            {row["id"]: row for row in rows(root, table)} for root in (upgraded.continued, upgraded.settings.root)
        )
        different = {one for one in continued | rebuilt if continued.get(one) != rebuilt.get(one)}
        assert different == judged_before, table.sql_name


def test_the_version_before_refuses_the_root(spark: SparkSession, upgraded: Upgraded, command: Command) -> None:
    assert root_version(upgraded.continued) == NEXT
    settings = upgraded.settings.model_copy(update={"root": upgraded.continued})
    with pytest.raises(TableError, match=rf"has tables of version {NEXT} "):
        refine(spark, settings)
    assert command("status", settings=settings).code == 2
