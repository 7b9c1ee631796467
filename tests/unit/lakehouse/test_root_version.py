"""The version that a root's tables have: written with them, and refused by whoever is older."""

import argparse
import json
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from lakehouse.arrow import arrow_schema
from lakehouse.errors import TableError
from lakehouse.lakehouse import Lakehouse
from lakehouse.root_version import NAME, record_version, require_known_version, root_version
from lakehouse.settings import load_settings
from lakehouse.tables import OPS_RUNS, SILVER_USERS
from lakehouse.version import VERSION
from operations.cli import build_parser
from operations.commands import doctor
from tests.support.delta_tables import user, write
from tests.support.folders import PROJECT
from tests.support.outcome import Command
from tests.support.processes import environment

MAJOR, MINOR, *_ = map(int, VERSION.split("."))
LATER = f"{MAJOR}.{MINOR + 1}.0"
REFUSED = (
    "{root} has tables of version {later} of the lakehouse, and this is version {version}; "
    "install version {later} or later"
)
# Commands that help with such a root, and all others with arguments that they take.
HELPING = {"config", "doctor"}
BARE = "audit check demo drift export maintain models quarantine report run runs sql status up"
COMMANDS: dict[str, tuple[str, ...]] = {
    **dict.fromkeys(BARE.split(), ()),
    "diff": ("silver.users", "0", "1"),
    "export-user": ("u1",),
    "forget": ("u1",),
    "history": ("silver.users",),
    "rebuild": ("silver",),
    "recommend": ("u1",),
    "restore": ("silver.users", "0"),
    "similar": ("s1",),
}
JOBS = ("bronze.ingest", "gold.evaluate", "producers.users")


def mark(root: Path, version: object) -> None:
    root.mkdir(exist_ok=True)
    (root / NAME).write_text(json.dumps({"version": version}), encoding="utf-8")


def refusal(root: Path, later: str = LATER) -> str:
    return REFUSED.format(root=root, later=later, version=VERSION)


def test_it_is_that_of_the_project() -> None:
    project = tomllib.loads((PROJECT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert project["version"] == VERSION


def test_whoever_makes_a_table_writes_it(tmp_path: Path) -> None:
    lake = Lakehouse(str(tmp_path))
    assert root_version(lake.root) is None
    lake.append(OPS_RUNS, arrow_schema(OPS_RUNS).empty_table())
    assert root_version(lake.root) == VERSION


@pytest.mark.parametrize("version", ["0.1.0", f"{MAJOR}.{MINOR}.9"])
def test_an_older_one_and_one_with_the_same_tables_are_opened(tmp_path: Path, version: str) -> None:
    mark(tmp_path, version)
    require_known_version(str(tmp_path))
    record_version(str(tmp_path))
    assert root_version(str(tmp_path)) == VERSION


@pytest.mark.parametrize("later", [LATER, f"{MAJOR + 1}.0.0", "10.0"])
def test_a_later_one_is_neither_read_nor_written(tmp_path: Path, later: str) -> None:
    root = str(tmp_path)
    write(tmp_path, SILVER_USERS, user(1, "Lucía"))
    mark(tmp_path, later)
    for use in (
        lambda: require_known_version(root),
        lambda: record_version(root),
        lambda: Lakehouse(root).read("silver.users"),
    ):
        with pytest.raises(TableError) as error:
            use()
        assert str(error.value) == refusal(tmp_path, later)
    assert root_version(root) == later


@pytest.mark.parametrize("text", ["", "{}", '{"version": 2}', '{"version": "two"}', "[]"])
def test_a_damaged_file_is_named(tmp_path: Path, text: str) -> None:
    (tmp_path / NAME).write_text(text, encoding="utf-8")
    with pytest.raises(TableError) as error:
        require_known_version(str(tmp_path))
    assert str(error.value) == (
        f"{tmp_path}/{NAME} is damaged: it names no version; "
        f"delete it if no version later than {VERSION} has written there"
    )


def test_every_command_has_a_case() -> None:
    (commands,) = [action for action in build_parser()._actions if isinstance(action, argparse._SubParsersAction)]
    assert COMMANDS.keys() | HELPING == {*commands.choices}


@pytest.mark.parametrize("name", COMMANDS)
def test_no_command_opens_a_later_one(name: str, tmp_path: Path, command: Command) -> None:
    """One line and exit code 2, before Spark or Kafka start, and nothing is written."""
    mark(tmp_path, LATER)
    done = command(name, *COMMANDS[name], settings=load_settings().model_copy(update={"root": str(tmp_path)}))
    assert (done.code, done.out, done.err) == (2, "", f"lakehouse: {refusal(tmp_path)}\n")
    assert [path.name for path in tmp_path.iterdir()] == [NAME]


@pytest.mark.parametrize("module", JOBS)
def test_no_job_opens_a_later_one(module: str, tmp_path: Path) -> None:
    mark(tmp_path, LATER)
    settings = load_settings().model_copy(update={"root": str(tmp_path)})
    done = subprocess.run(
        [sys.executable, "-m", module], env=environment(settings), capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout, done.stderr) == (2, "", f"lakehouse: {refusal(tmp_path)}\n")
    assert [path.name for path in tmp_path.iterdir()] == [NAME]


def test_doctor_shows_it(tmp_path: Path) -> None:
    assert list(doctor.version_findings(str(tmp_path))) == []  # no tables yet
    (tmp_path / "bronze").mkdir()
    todo = f"nothing: the next run of each job upgrades its tables to {VERSION}"
    assert list(doctor.version_findings(str(tmp_path))) == [
        doctor.Finding("Tables", "note", "of version 0.1.0", todo)
    ]
    mark(tmp_path, VERSION)
    assert list(doctor.version_findings(str(tmp_path))) == [
        doctor.Finding("Tables", "ok", f"of version {VERSION}")
    ]


def test_doctor_says_what_to_do_about_a_later_one(tmp_path: Path) -> None:
    mark(tmp_path, LATER)
    problem, todo = refusal(tmp_path).split("; ")
    assert list(doctor.version_findings(str(tmp_path))) == [doctor.Finding("Tables", "missing", problem, todo)]
