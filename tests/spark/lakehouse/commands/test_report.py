"""`lakehouse report` as a person calls it: where the file goes, what is said, and what is refused."""

import json
import webbrowser
from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path
from typing import NamedTuple

import pytest
from pyspark.sql import SparkSession

from lakehouse import cli, storage
from lakehouse.commands import report
from lakehouse.settings import load_settings
from lakehouse.tables import BRONZE_EVENTS
from tests.support.records import bronze_frame, bronze_row


class Outcome(NamedTuple):
    code: int
    out: str
    err: str


Command = Callable[..., Outcome]


class Opened(webbrowser.BaseBrowser):
    """A browser that remembers what it was asked to open."""

    def __init__(self) -> None:
        super().__init__("opened")
        self.urls: list[str] = []

    def open(self, url: str, new: int = 0, autoraise: bool = True) -> bool:  # noqa: ARG002 - webbrowser's signature
        self.urls.append(url)
        return True


@pytest.fixture(scope="module")
def opened() -> Opened:
    """This process's preferred browser."""
    browser = Opened()
    webbrowser.register("opened", None, browser, preferred=True)
    return browser


@pytest.fixture(scope="module")
def root(spark: SparkSession, tmp_path_factory: pytest.TempPathFactory) -> str:
    root = str(tmp_path_factory.mktemp("command") / "lakehouse")
    storage.ensure(spark, root, BRONZE_EVENTS)
    storage.append(bronze_frame(spark, [bronze_row("{}")]), root, BRONZE_EVENTS)
    return root


@pytest.fixture
def command(spark: SparkSession, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Command:
    """Runs the command in this process on the shared session: starting Spark for each would take too long."""
    settings = load_settings()
    monkeypatch.setattr(report, "spark_session", lambda *_, **__: nullcontext(spark))

    def call(*arguments: str, root: str) -> Outcome:
        monkeypatch.setattr(report, "load_settings", lambda: settings.model_copy(update={"root": root}))
        return Outcome(cli.main(["report", *arguments]), *capsys.readouterr())

    return call


def test_the_file_goes_beside_the_other_exports_in_spanish(command: Command, root: str) -> None:
    outcome = command(root=root)
    file = Path(root) / "exports" / "report.html"
    assert outcome == Outcome(0, f"report: {file} ({file.stat().st_size / 1e6:.1f} MB)\n", "")
    assert '<html lang="es">' in file.read_text(encoding="utf-8")
    assert [path.name for path in file.parent.iterdir()] == ["report.html"]


def test_another_file_another_language_and_json(
    command: Command, opened: Opened, root: str, tmp_path: Path
) -> None:
    file = tmp_path / "with space" / "ñ.html"
    outcome = command("--output", str(file), "--lang", "en", "--json", "--open", root=root)
    assert outcome.code == 0
    assert json.loads(outcome.out) == {
        "report": str(file),
        "language": "en",
        "bytes": file.stat().st_size,
        "users": 0,
        "users_shown": 0,
        "versions": {"bronze.events": 1},
    }
    assert '<html lang="en">' in file.read_text(encoding="utf-8")
    assert opened.urls == [file.as_uri()]


def test_no_lakehouse_leaves_no_file(command: Command, tmp_path: Path) -> None:
    outcome = command(root=str(tmp_path / "nothing"))
    assert (outcome.code, outcome.out) == (2, "")
    assert outcome.err.startswith(f"lakehouse: no table under {tmp_path}/nothing; make them with: lakehouse demo")
    assert not (tmp_path / "nothing" / "exports").exists()


def test_what_cannot_work_is_said_before_spark_starts(command: Command, root: str, tmp_path: Path) -> None:
    folder = command("--output", str(tmp_path), root=root)
    assert folder.code == 2
    assert folder.err == f"lakehouse: {tmp_path} is a folder; name the file: --output report.html\n"
    remote = command("--open", root="s3a://bucket/lakehouse")
    assert remote.code == 2
    assert "a browser cannot open s3a://bucket/lakehouse/exports/report.html" in remote.err


def test_another_language_is_refused(command: Command, root: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="2"):
        command("--lang", "fr", root=root)
    assert "invalid choice: 'fr'" in capsys.readouterr().err
