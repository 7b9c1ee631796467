"""`lakehouse report` as a user runs it: where the file goes, what is printed, and what is refused."""

import json
import webbrowser
from functools import partial
from pathlib import Path

import pytest

from lakehouse.settings import load_settings
from lakehouse.tables import BRONZE_EVENTS
from tests.support.delta_tables import write_rows
from tests.support.outcome import Command, Outcome
from tests.support.records import bronze_row


class Opened(webbrowser.BaseBrowser):
    """A browser that records what it was asked to open."""

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
def root(tmp_path_factory: pytest.TempPathFactory) -> str:
    root = str(tmp_path_factory.mktemp("command") / "lakehouse")
    write_rows(root, BRONZE_EVENTS, [bronze_row("{}")])
    return root


@pytest.fixture
def command(command: Command) -> Command:
    return partial(command, "report", settings=load_settings())


def test_the_file_goes_next_to_the_other_exports_in_spanish(command: Command, root: str) -> None:
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
        "versions": {"bronze.events": 0},
    }
    assert '<html lang="en">' in file.read_text(encoding="utf-8")
    assert opened.urls == [file.as_uri()]


def test_no_lakehouse_leaves_no_file(command: Command, tmp_path: Path) -> None:
    outcome = command(root=str(tmp_path / "nothing"))
    assert (outcome.code, outcome.out) == (2, "")
    assert outcome.err.startswith(f"lakehouse: no table under {tmp_path}/nothing; make them with: lakehouse demo")
    assert not (tmp_path / "nothing" / "exports").exists()


def test_what_cannot_work_is_said_before_any_work(command: Command, root: str, tmp_path: Path) -> None:
    folder = command("--output", str(tmp_path), root=root)
    assert folder.code == 2
    assert folder.err == f"lakehouse: {tmp_path} is a folder; name a file in it\n"
    remote = command("--open", root="s3a://bucket/lakehouse")
    assert remote.code == 2
    assert "a browser cannot open s3a://bucket/lakehouse/exports/report.html" in remote.err


def test_another_language_is_refused(command: Command, root: str) -> None:
    outcome = command("--lang", "fr", root=root)
    assert outcome.code == 2
    assert "invalid choice: 'fr'" in outcome.err
