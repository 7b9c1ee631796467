"""`lakehouse check` and quality/check.py: what they print, write and return."""

import json
import re
import shutil
from contextlib import nullcontext
from functools import partial
from pathlib import Path

import pytest
from pyspark.sql import SparkSession

from lakehouse.lakehouse import Lakehouse
from lakehouse.settings import Settings
from lakehouse.spark.lakehouse import SparkLakehouse
from lakehouse.tables import QUALITY_RESULTS, SILVER_USERS
from quality import check as check_job
from tests.support.outcome import Command


@pytest.fixture(scope="module")
def spoilt(sample: Settings, tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """A lakehouse whose latest users have a fault that the previous version did not have."""
    root = tmp_path_factory.mktemp("spoilt") / "lakehouse"
    shutil.copytree(sample.root, root)
    settings = sample.model_copy(update={"root": str(root)})
    Lakehouse(settings.root).delta(SILVER_USERS).update({"clasificacion": "'74 min'"})
    return settings


@pytest.fixture
def command(command: Command, spoilt: Settings) -> Command:
    return partial(command, "check", settings=spoilt)


def test_a_failed_expectation_is_code_1_and_named(command: Command) -> None:
    outcome = command("silver.users")
    assert (outcome.code, outcome.err) == (1, "")
    assert re.search(r"silver\.users +2 .* failed", outcome.out)
    assert "FAILED  silver.users version 2: clasificacion expect_column_values_to_be_in_set: " in outcome.out


def test_an_older_version_is_checked_as_it_was(command: Command) -> None:
    outcome = command("silver.users", "--version", "1", "--json")
    found = json.loads(outcome.out)
    assert (outcome.code, found["ok"], found["exit_code"]) == (0, True, 0)
    assert [(table["table"], table["version"], table["status"]) for table in found["tables"]] == [
        ("silver.users", 1, "passed")
    ]
    # an older version's age says nothing
    assert not any("recent" in result["expectation"] for result in found["tables"][0]["results"])


def test_its_results_are_a_table_and_pages_without_a_network(
    spark: SparkSession, spoilt: Settings, command: Command
) -> None:
    found = json.loads(command("silver.users", "silver.batches", "--json").out)
    rows = (
        SparkLakehouse(spoilt.root, spark).read(QUALITY_RESULTS).filter(f"run_id = '{found['run_id']}'").collect()
    )
    results = [result for table in found["tables"] for result in table["results"]]
    assert len(rows) == len(results)
    (wrong,) = [row for row in rows if not row["success"]]
    assert (wrong["table_name"], wrong["column"]) == ("silver.users", "clasificacion")
    assert wrong["unexpected_rows"] == int(wrong["observed"]) > 0
    folder = Path(spoilt.root, "quality", "docs")
    page = Path(found["page"])
    assert {page, page.with_suffix(".json"), folder / "index.html"} <= set(folder.iterdir())
    assert json.loads(page.with_suffix(".json").read_text(encoding="utf-8"))["tables"] == found["tables"]
    own = page.with_suffix("")
    validated = json.loads((own / "silver.users.json").read_text(encoding="utf-8"))
    (shown,) = [result for result in validated["results"] if not result["success"]]
    assert shown["result"]["partial_unexpected_list"] == ["74 min"] * spoilt.quality.samples
    for file in (page, folder / "index.html", own / "silver.users.html"):
        text = file.read_text(encoding="utf-8")
        assert not re.search(r"https?:|//|<script|<link|@import|url\(", text)
        assert "silver.users" in text
    assert page.name in (folder / "index.html").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("silver.user",), "no table 'silver.user' in this lakehouse; did you mean silver.users?"),
        (("bronze.events",), "bronze.events has no suite; check silver, gold, or one of their tables"),
        (
            ("silver.users", "--version", "99"),
            "silver.users has no version 99; it has 0 to 2: lakehouse history silver.users",
        ),
        (("silver", "--version", "1"), "--version 1 without one table; name the one table that it belongs to"),
        (("--version", "1"), "--version 1 without one table; name the one table that it belongs to"),
        (("--suite", "s.json"), "--suite s.json without one table; name the table to run it on"),
        (
            ("--suites", "d", "--version", "1"),
            "--version 1 with --suites; a suite is for every version: leave it out",
        ),
    ],
)
def test_a_wrong_input_is_code_2_and_one_line(command: Command, arguments: tuple[str, ...], message: str) -> None:
    assert command(*arguments) == (2, "", f"lakehouse: {message}\n")


def test_a_missing_table_is_code_2(command: Command, spoilt: Settings) -> None:
    hidden = Path(spoilt.root, "gold", "content_popularity")
    hidden.rename(hidden.with_name("elsewhere"))
    try:
        outcome = command("gold")
    finally:
        hidden.with_name("elsewhere").rename(hidden)
    assert outcome.code == 2
    assert "table gold.content_popularity does not exist" in outcome.err


def test_a_suite_of_ones_own_runs_on_any_table_and_accepts_nothing(
    spark: SparkSession, spoilt: Settings, command: Command, tmp_path: Path
) -> None:
    before = SparkLakehouse(spoilt.root, spark).version(QUALITY_RESULTS)
    suite = tmp_path / "suite.json"
    between = {"type": "expect_column_values_to_be_between", "kwargs": {"column": "offset", "min_value": 3}}
    suite.write_text(json.dumps({"name": "mine", "expectations": [between]}))
    outcome = command("--suite", str(suite), "bronze.events", "--version", "1", "--json")
    (table,) = json.loads(outcome.out)["tables"]
    assert (outcome.code, table["table"], table["version"]) == (1, "bronze.events", 1)
    assert [result["expected"] for result in table["results"]] == ["0 (min_value 3)"]
    assert SparkLakehouse(spoilt.root, spark).version(QUALITY_RESULTS) == before


def test_suites_are_written_as_json(command: Command, tmp_path: Path) -> None:
    outcome = command("--suites", str(tmp_path / "suites"), "silver")
    assert outcome.code == 0
    files = [Path(line) for line in outcome.out.splitlines()]
    assert {file.name for file in files} >= {"silver.users.json", "silver.batches.json"}
    assert json.loads(files[0].read_text(encoding="utf-8"))["name"] == files[0].stem


@pytest.mark.parametrize(("version", "code"), [("1", 0), ("2", 1), ("0", 2)], ids=["passed", "failed", "empty"])
def test_the_job_answers_with_the_same_codes(
    spark: SparkSession,
    spoilt: Settings,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    version: str,
    code: int,
) -> None:
    monkeypatch.setattr(check_job, "spark_session", lambda *_, **__: nullcontext(spark))
    monkeypatch.setattr(check_job, "load_settings", lambda: spoilt)
    assert check_job.main(["silver.users", "--version", version]) == code
    out = capsys.readouterr().out
    assert out.startswith(f"silver.users version {version}: {('passed', 'failed', 'error')[code]}, ")
