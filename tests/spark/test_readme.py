"""The README's commands do what it says: each runs exactly as written, in order, on a copy of the demo."""

import json
import re
import shlex
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from pyspark.sql import SparkSession
from pyspark.sql import functions as F

from lakehouse.broker.embedded import kafka_cluster
from lakehouse.settings import Settings, variables
from lakehouse.spark.lakehouse import SparkLakehouse
from lakehouse.tables import GOLD_POWERBI, GOLD_TRIALS, layer_tables
from tests.support.chromium import Browser
from tests.support.demo import Demo
from tests.support.folders import AWKWARD, PROJECT
from tests.support.outcome import Command, Outcome
from tests.support.processes import TIMEOUT, environment
from tests.support.readme import README, readme_commands
from tests.support.reports import look_for
from tests.support.tables import contents

# The first is what `demo` ran; CI runs the second, which is this test suite.
AROUND_THE_TESTS = ("make demo", "make test")
# tests/processes/test_spark_submit.py runs these, and checks the tables they write.
SUBMITTED = "spark-submit "
TWICE, REBUILD = "lakehouse demo", "lakehouse run --select silver+"
REPORT = "lakehouse report --lang en"
OTHERS = [
    line
    for line in readme_commands()
    if line not in (*AROUND_THE_TESTS, TWICE, REBUILD, REPORT) and not line.startswith(SUBMITTED)
]
# No parameter search runs here.
DERIVED = tuple(table for table in (*layer_tables("silver"), *layer_tables("gold")) if table != GOLD_TRIALS)
# When a row was written, by which stream, and from which commits: a rebuild may change these.
PROVENANCE = (
    *("quarantined_at", "finished_at", "query_id", "bronze_versions", "silver_versions", "input_versions"),
    *("trained_at", "published_at"),
    # the order of a map's entries does not count; gold.model_metrics has the same figures
    *("parameters", "metrics"),
)

Run = Callable[[str, Settings], Outcome]


@pytest.fixture(scope="module")
def copied_demo(demo: Demo, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Settings]:
    """A copy of the demo, topics included, whose embedded broker runs until the last command."""
    root = shutil.copytree(demo.root, tmp_path_factory.mktemp("readme") / AWKWARD)
    settings = demo.settings.model_copy(update={"root": str(root)})
    with kafka_cluster(settings.kafka, settings.root):
        yield settings


@pytest.fixture(scope="module")
def run(command: Command) -> Run:
    """Runs a line of the README: `lakehouse` in this process, everything else as a separate process."""

    def line(text: str, settings: Settings) -> Outcome:
        program, *arguments = shlex.split(text)
        if program == "lakehouse":
            return command(*arguments, settings=settings)
        done = subprocess.run(
            [program, *arguments],
            cwd=PROJECT,
            env=environment(settings),
            capture_output=True,
            text=True,
            timeout=TIMEOUT,
            check=False,
        )
        return Outcome(done.returncode, done.stdout, done.stderr)

    return line


def expect_equal_tables(root: str, expected: str) -> None:
    for table in DERIVED:
        assert contents(root, table, *PROVENANCE) == contents(expected, table, *PROVENANCE), table.sql_name


def test_the_demo_twice_sends_nothing_again_and_changes_no_row(
    spark: SparkSession, demo: Demo, copied_demo: Settings, run: Run
) -> None:
    """The first run was `demo`; this one reports what it did as JSON."""
    assert TWICE in readme_commands()
    outcome = run(f"{TWICE} --json", copied_demo)
    assert outcome.code == 0, outcome.err
    assert "already published: these topics hold the same records, so nothing was sent again" in outcome.err
    printed = json.loads(outcome.out)
    assert set(printed) == {"tables", "checks", "rejected", "model", "streams", "seconds", "paths"}
    assert set(printed["checks"].values()) == {"passed"}
    for table in (*layer_tables("bronze"), *layer_tables("silver")):
        versions = {SparkLakehouse(root, spark).version(table) for root in (demo.root, copied_demo.root)}
        assert versions == {printed["tables"][table.sql_name]["version"]}, table.sql_name  # not even a new version
    for table in DERIVED:
        assert (
            printed["tables"][table.sql_name]["rows"]
            == SparkLakehouse(copied_demo.root, spark).read(table).count()
        )
    expect_equal_tables(copied_demo.root, demo.root)


def test_silver_and_gold_are_rebuilt_from_bronze_to_equal_tables(demo: Demo, tmp_path: Path, run: Run) -> None:
    assert REBUILD in readme_commands()
    shutil.copytree(Path(demo.root) / "bronze", tmp_path / "bronze")
    outcome = run(REBUILD, demo.settings.model_copy(update={"root": str(tmp_path)}))
    assert outcome.code == 0, outcome.err
    steps = [line for line in outcome.out.splitlines() if " s  " in line]
    assert [line.partition(" s  ")[2] for line in steps] == [
        "silver: validate, split, merge",
        "gate: check silver",
        "gold: affinity ratings",
        "gold: popularity",
        "gold: recommendations",
        "gate: check gold",
        "gold: Power BI export",
    ]
    expect_equal_tables(str(tmp_path), demo.root)


@pytest.mark.parametrize("command_line", OTHERS)
def test_a_command_of_the_readme_works(command_line: str, copied_demo: Settings, run: Run) -> None:
    outcome = run(command_line, copied_demo)
    assert outcome.code == 0, outcome.out + outcome.err


def test_the_report_in_a_browser(spark: SparkSession, copied_demo: Settings, run: Run, browser: Browser) -> None:
    """The page that the README's line builds from the demo: rendered without errors, searched, nothing fetched."""
    assert REPORT in readme_commands()
    assert run(REPORT, copied_demo).code == 0
    file = Path(copied_demo.root) / "exports" / "report.html"
    browser.open(file)
    best = (
        SparkLakehouse(copied_demo.root, spark)
        .read(GOLD_POWERBI)
        .orderBy(F.desc("predicted_rating"), "userId")
        .first()
    )
    assert best is not None
    found, names = look_for(browser, best["userId"])
    shown = "[...document.querySelectorAll('#results tbody .name')].map((one) => one.textContent)"
    assert (found.endswith("found"), len(names) > 0) == (True, True)
    assert best["titulo"] in browser.evaluate(shown)
    assert browser.evaluate("document.querySelectorAll('main > section').length") == 9
    assert browser.events_of("Runtime.exceptionThrown") == []
    assert browser.events_of("Log.entryAdded") == []
    urls = [request["request"]["url"] for request in browser.events_of("Network.requestWillBeSent")]
    assert [url for url in urls if not url.startswith("data:")] == [file.as_uri()]


def test_the_readme_begins_with_the_two_commands() -> None:
    assert readme_commands()[:2] == list(AROUND_THE_TESTS)


def test_every_setting_in_the_readme_exists() -> None:
    named = set(re.findall(r"LAKEHOUSE_[A-Z_]+[A-Z]", README.read_text(encoding="utf-8")))
    assert named - variables() <= {"LAKEHOUSE_CONF", "LAKEHOUSE_ENV"}
