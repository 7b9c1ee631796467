"""The exported tables: their rows, their files, and the Power BI project written with them."""

import csv
import datetime as dt
import json
import shutil
from pathlib import Path

import pytest

from gold import export_project
from gold.powerbi.project.comparison import alike_note, find_alike
from gold.powerbi.project.rows import flat_rows
from gold.powerbi.project.tables import Exported, exported_tables
from lakehouse.lakehouse import Lakehouse
from lakehouse.settings import Settings, load_settings
from lakehouse.tables import (
    GOLD_METRICS,
    GOLD_POPULARITY,
    GOLD_RECOMMENDATIONS,
    SILVER_BATCHES,
    SILVER_CONTENT,
    SILVER_QUARANTINE,
    SILVER_USERS,
    Table,
)
from tests.support.delta_tables import write_rows
from tests.support.outcome import Command

NOON = dt.datetime(2026, 3, 1, 12, tzinfo=dt.UTC)
EARLY = dt.datetime(2026, 3, 1, 0, 30, 15, 250_000, tzinfo=dt.UTC)  # still the day before, west of Greenwich
SOURCE = (NOON, "topic", 0, 1)


def exported(table: Table) -> Exported:
    return next(one for one in exported_tables() if one.source is table)


def test_arrays_are_joined_times_are_utc_and_rows_are_in_order(tmp_path: Path) -> None:
    users = [
        ("u2", "Two", dt.date(2024, 2, 29), ["g1", "g2"], [], ["a, b"], "R", ["1990s"], EARLY, *SOURCE),
        ("u10", "Ten", None, [], [], [], None, [], NOON, *SOURCE),  # as text, u10 comes before u2
    ]
    write_rows(str(tmp_path), SILVER_USERS, users)
    assert list(flat_rows(Lakehouse(tmp_path), exported(SILVER_USERS), version=0)) == [
        ("u10", "Ten", None, "", "", "", None, "", "2026-03-01T12:00:00.000000"),
        ("u2", "Two", "2024-02-29", "g1; g2", "", "a, b", "R", "1990s", "2026-03-01T00:30:15.250000"),
    ]


def test_a_rejected_record_has_its_rules_and_not_its_content(tmp_path: Path) -> None:
    reasons = [("id_missing", "id", None), ("type_unknown", "type", "x")]
    record = ("topic", 0, 7, NOON, "key", None, "secret", None, None, None, reasons, NOON, "open", None)
    write_rows(str(tmp_path), SILVER_QUARANTINE, [record])
    table = exported(SILVER_QUARANTINE)
    (row,) = flat_rows(Lakehouse(tmp_path), table, version=0)
    assert "value" not in table.names
    assert dict(zip(table.names, row, strict=True))["reasons"] == "id_missing; type_unknown"


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A lakehouse with a row in most tables; silver.users and silver.quarantine do not exist yet."""
    root = str(tmp_path_factory.mktemp("filled") / "lakehouse")
    content = ("t1", "movie", "=1+1", ["g"], [], [], "R", "1990s", None, None, EARLY, *SOURCE)
    other_case = ("T1", "movie", "Other", *content[3:])  # the same id to Power BI
    day = ("t1", dt.date(2026, 3, 1), 3, 120, 1, 0, 0, None, -2)  # a negative number is not a formula
    batch = (
        "q",
        0,
        3,
        1,
        0,
        0,
        2,
        [],
        {"bronze.events": 1},
        {},
        [("new", 1, "x", None, None, None)],
        NOON,
    )
    known = {"model_version": "m1", "metric": "rmse", "value": 0.291876, "baseline": None, "input_versions": {}}
    metric = tuple(known.get(name, "als") for name in GOLD_METRICS.columns)
    rows = (
        (SILVER_CONTENT, [content, other_case]),
        (GOLD_RECOMMENDATIONS, [("u1", "t1", 1, 4.126, "als", "m1")]),
        (GOLD_POPULARITY, [day]),
        (SILVER_BATCHES, [batch]),
        (GOLD_METRICS, [metric]),
    )
    for table, found in rows:
        write_rows(root, table, [])
        write_rows(root, table, found)
    return root


@pytest.fixture
def settings(filled: str, tmp_path: Path) -> Settings:
    """A copy of that lakehouse, per test."""
    root = str(tmp_path / "lakehouse")
    shutil.copytree(filled, root)
    return load_settings().model_copy(update={"root": root})


def read_csv(path: str) -> list[list[str]]:
    with Path(path).open(encoding="utf-8-sig", newline="") as file:
        return list(csv.reader(file, strict=True))


def test_every_table_has_a_file_and_the_model_its_columns_twice_the_same(settings: Settings) -> None:
    written = {table.name: table for table in export_project.run(settings).tables}
    assert list(written) == [table.name for table in exported_tables()]
    for table in exported_tables():
        header, *rows = read_csv(written[table.name].path)
        assert header == list(table.names)
        assert len(rows) == written[table.name].rows
        model = Path(
            settings.root, "exports/powerbi/Lakehouse.SemanticModel/definition/tables", f"{table.name}.tmdl"
        )
        columns = [line.split()[1] for line in model.read_text().splitlines() if line.startswith("\tcolumn ")]
        assert columns == [*header, *[key.name for key in table.keys]]
    assert written["users"][2:4] == (None, 0)  # the table does not exist yet: a valid header
    assert written["content"][2:4] == (1, 2)
    assert read_csv(written["popularity"].path)[1] == ["t1", "2026-03-01", "3", "120", "1", "0", "0", "", "-2"]
    assert read_csv(written["recommendations"].path)[1] == ["u1", "t1", "1", "4.126", "als", "m1"]
    assert "0.291876" in read_csv(written["model_quality"].path)[1]
    assert read_csv(written["batches"].path)[1][-2:] == ["new", "2026-03-01T12:00:00.000000"]
    versions = json.loads(Path(settings.root, "exports/tables/versions.json").read_text())
    assert versions["silver.content"] == 1
    assert versions["silver.users"] is None

    first = contents(settings.root)
    assert len(first) > 40
    export_project.run(settings)
    assert contents(settings.root) == first


def contents(root: str) -> dict[Path, bytes]:
    return {path: path.read_bytes() for path in Path(root, "exports").rglob("*") if path.is_file()}


def test_a_stated_version_is_exported_in_place_of_the_newest(settings: Settings) -> None:
    worse = [("u1", "t1", 1, 1.0, "als", "m2")]
    write_rows(settings.root, GOLD_RECOMMENDATIONS, worse, mode="overwrite")
    for stated, model in (({"gold.recommendations": 1}, "m1"), ({}, "m2")):
        written = {table.name: table for table in export_project.run(settings, versions=stated).tables}
        assert read_csv(written["recommendations"].path)[1][-1] == model


def test_the_command_writes_all_and_prints_the_paths(settings: Settings, command: Command) -> None:
    # these tables were not checked: tests/spark/quality does that
    chosen = ("--source", "delta", "--formulas", "escape", "--no-gate")
    code, out, _ = command("export", "--json", *chosen, settings=settings)
    assert code == 0
    printed = json.loads(out)
    assert (printed["formulas"], printed["kept"]) == ("escape", [])
    assert printed["alike"] == [{"table": "silver.content", "total": 2, "ids": ["T1", "t1"]}]
    assert read_csv(printed["csv"])[1] == ["u1", "t1", "'=1+1", "4.13"]
    assert Path(printed["powerbi"]).name == "Lakehouse.pbip"
    content = next(table for table in printed["tables"] if table["name"] == "content")
    assert [row[:3] for row in read_csv(content["path"])[1:]] == [
        ["T1", "movie", "Other"],
        ["t1", "movie", "'=1+1"],
    ]
    queries = Path(printed["powerbi"]).parent / "Lakehouse.SemanticModel" / "definition" / "expressions.tmdl"
    assert 'DataSource = "delta"' in queries.read_text()
    queries.write_text(queries.read_text() + "// a person's own\n")  # the data is still exported
    code, out, _ = command("export", "--no-gate", settings=settings)
    assert code == 0
    assert "recommendations.csv" in out
    assert "the Power BI project was changed and stays as it is" in " ".join(out.split())
    assert "ids that differ only in capitals: 2 in silver.content (T1, t1)." in out
    assert "a person's own" in queries.read_text()
    assert read_csv(printed["csv"])[1] == ["u1", "t1", "=1+1", "4.13"]


def test_ids_that_differ_in_capitals_only_are_found() -> None:
    ids = ["CaseM", "casem", "other", "Straße", "strasse", "\u00c9", "e\u0301", "\u00e9", "\uff21", "A"]
    found = find_alike(ids, table="silver.users")
    assert (found.total, set(found.ids)) == (6, {"CaseM", "casem", "Straße", "strasse", "\u00c9", "\u00e9"})
    many = [f"{'uU'[number % 2]}{'x' * 50}{number // 2}" for number in range(40)]
    note = alike_note([found, find_alike(many, table="silver.content")])
    assert note.startswith("ids that differ only in capitals: 6 in silver.users (CaseM, casem, ")
    assert "), 40 in silver.content (U" in note
    assert note.count("x" * 39 + ", ") == 10
    assert ", ...). Power BI shows them as one id" in note
    assert "\n" not in note


def test_ids_that_are_distinct_without_case_are_not_reported() -> None:
    assert find_alike(["a", "b"], table="silver.users").total == 0


def test_nothing_to_export_is_one_line(settings: Settings, command: Command) -> None:
    shutil.rmtree(settings.root)
    outcome = command("export", settings=settings)
    assert outcome.code == 2
    assert "table gold.recommendations does not exist" in outcome.err
