"""The prompt, with the keys of a terminal and an engine whose pace is the test's."""

import io
import signal
import stat
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from prompt_toolkit.application import create_app_session
from prompt_toolkit.completion import CompleteEvent
from prompt_toolkit.document import Document
from prompt_toolkit.history import FileHistory, InMemoryHistory
from prompt_toolkit.input import PipeInput, create_pipe_input
from prompt_toolkit.output import DummyOutput

from lakehouse.errors import MachineError
from operations.shell.completion import SqlCompleter
from operations.shell.known_tables import KnownTables
from operations.shell.terminal import history_file, open_history, run_terminal
from tests.support.shell_engine import SlowEngine

CTRL_C, CTRL_D, ENTER = "\x03", "\x04", "\r"


@pytest.fixture
def keys() -> Iterator[PipeInput]:
    with create_pipe_input() as keys, create_app_session(input=keys, output=DummyOutput()):
        yield keys


@pytest.fixture
def engine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> SlowEngine:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    engine = SlowEngine()
    engine.may_start.set()
    return engine


def run(engine: SlowEngine, root: Path) -> int:
    return run_terminal(engine.opened, KnownTables(str(root)), limit=5, form="csv")


class Printed(io.StringIO):
    """What the shell has printed, for another thread to wait for."""

    def __init__(self) -> None:
        super().__init__()
        self.grown = threading.Condition()

    def write(self, text: str) -> int:
        with self.grown:
            self.grown.notify_all()
            return super().write(text)

    def wait_for(self, text: str) -> Callable[[], object]:
        def wait() -> None:
            with self.grown:
                assert self.grown.wait_for(lambda: text in self.getvalue(), timeout=60)

        return wait


def in_background(*steps: Callable[[], object]) -> threading.Thread:
    """Do the steps while the shell runs in this thread."""
    thread = threading.Thread(target=lambda: [step() for step in steps])
    thread.start()
    return thread


def press_ctrl_c() -> None:
    """As a terminal does while no prompt reads its keys: the kernel gives its signal to the main thread."""
    signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGINT)


def test_a_statement_may_span_lines(keys: PipeInput, engine: SlowEngine, tmp_path: Path) -> None:
    keys.send_text(f"SELECT{ENTER}1;{ENTER}{ENTER}SELECT 2; SELECT 3;{ENTER}{CTRL_D}")
    assert run(engine, tmp_path) == 0
    assert engine.ran == ["SELECT\n1", "SELECT 2", "SELECT 3"]


def test_a_wrong_statement_is_one_line_and_the_shell_goes_on(
    keys: PipeInput, engine: SlowEngine, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    keys.send_text(f"wrong;{ENTER}\\x{ENTER}SELECT 2;{ENTER}\\q{ENTER}")
    assert run(engine, tmp_path) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[-4:] == [
        "error: no such column; correct the query",
        "error: no command \\x; \\? lists them",
        *("limit", "5"),
    ]


def test_ctrl_c_at_the_prompt_clears_the_entry(keys: PipeInput, engine: SlowEngine, tmp_path: Path) -> None:
    keys.send_text(f"SELECT 1{ENTER}FROM{CTRL_C}SELECT 2;{ENTER}{CTRL_D}")
    assert run(engine, tmp_path) == 0
    assert engine.ran == ["SELECT 2"]


def test_ctrl_c_ends_the_statement_and_not_the_shell(
    keys: PipeInput, engine: SlowEngine, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pressed = in_background(engine.is_running.wait, press_ctrl_c)
    keys.send_text(f"long;{ENTER}SELECT 2;{ENTER}{CTRL_D}")
    assert run(engine, tmp_path) == 0
    pressed.join()
    assert engine.ran == ["long", "SELECT 2"]
    lines = capsys.readouterr().out.splitlines()
    assert lines[-4:] == ["cancelling; Ctrl-C again leaves the shell", "cancelled", "limit", "5"]


def test_a_second_ctrl_c_leaves_at_once(keys: PipeInput, tmp_path: Path, engine: SlowEngine) -> None:
    class Deaf(SlowEngine):
        def cancel(self) -> None:
            self.cancels += 1
            press_ctrl_c()

    deaf = Deaf()
    deaf.may_start.set()
    pressed = in_background(deaf.is_running.wait, press_ctrl_c)
    keys.send_text(f"long;{ENTER}")
    with pytest.raises(KeyboardInterrupt):
        run(deaf, tmp_path)
    pressed.join()
    assert deaf.cancels == 1
    assert not engine.ran


def test_the_prompt_takes_entries_before_the_engine_has_started(
    keys: PipeInput, engine: SlowEngine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The commands that need no engine too. Ctrl-C ends the wait; Ctrl-D waits for the start, to undo it."""
    engine.may_start.clear()
    printed = Printed()
    monkeypatch.setattr(sys, "stdout", printed)
    others = in_background(
        printed.wait_for("waiting for Spark, which is still starting\n"),
        press_ctrl_c,
        printed.wait_for("cancelled\n"),
        printed.wait_for("before stopping it\n"),
        engine.may_start.set,
    )
    keys.send_text(f"\\d gold.models{ENTER}SELECT 1;{ENTER}")
    keys.send_text(f"{CTRL_D}")
    assert run(engine, tmp_path) == 0
    others.join()
    assert (engine.ran, engine.is_closed) == ([], True)
    assert "model_version,string,false,true" in printed.getvalue()


@pytest.mark.usefixtures("keys")
def test_an_engine_that_does_not_start_ends_the_prompt(tmp_path: Path, engine: SlowEngine) -> None:
    @contextmanager
    def failing() -> Iterator[SlowEngine]:
        with engine.opened():
            raise MachineError("no Java")
        yield engine

    with pytest.raises(MachineError, match="no Java"):
        run_terminal(failing, KnownTables(str(tmp_path)), limit=5, form="csv")


def test_an_engine_that_dies_ends_the_shell(keys: PipeInput, tmp_path: Path, engine: SlowEngine) -> None:
    keys.send_text(f"dies;{ENTER}SELECT 2;{ENTER}")
    with pytest.raises(ConnectionResetError):
        run(engine, tmp_path)
    assert engine.ran == ["dies"]


def test_entries_are_kept_for_the_next_shell(keys: PipeInput, engine: SlowEngine, tmp_path: Path) -> None:
    keys.send_text(f"SELECT{ENTER}1;{ENTER}{CTRL_D}")
    run(engine, tmp_path)
    file = history_file()
    assert file == tmp_path / "state" / "lakehouse" / "sql_history"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert list(FileHistory(str(file)).load_history_strings()) == ["SELECT\n1;"]


def test_an_older_history_becomes_private(tmp_path: Path) -> None:
    file = tmp_path / "sql_history"
    file.write_text("\n# then\n+SELECT 1;\n")
    file.chmod(0o644)
    assert list(open_history(file).load_history_strings()) == ["SELECT 1;"]
    assert stat.S_IMODE(file.stat().st_mode) == 0o600


def test_a_history_that_cannot_be_kept_is_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "file").write_text("no folder")
    file = tmp_path / "file" / "lakehouse" / "sql_history"
    assert isinstance(open_history(file), InMemoryHistory)
    assert capsys.readouterr().out == f"the history of this shell will not be kept: {file}: Not a directory\n"


@pytest.mark.parametrize("given", ["", "relative/state"])
def test_the_state_folder_has_a_default(monkeypatch: pytest.MonkeyPatch, given: str) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", given)
    monkeypatch.setenv("HOME", "/home/someone")
    assert history_file() == Path("/home/someone/.local/state/lakehouse/sql_history")


@pytest.mark.parametrize(
    ("before", "offered"),
    [
        ("SELECT * FROM silver.us", ["silver.users"]),
        ("select * from gold.model", ["gold.model_metrics", "gold.models"]),
        ("SELECT 1 FROM silver.users u\nJOIN silver.co", ["silver.content", "silver.corrections"]),
        ("DESCRIBE HISTORY silver.u", ["silver.users"]),
        ("\\d silver.u", ["silver.users"]),
        ("\\j", ["\\json"]),
        ("SEL", ["SELECT"]),
        ("sel", ["select"]),
        ("SELECT id FROM silver.users WHERE nombre", ["nombre_usuario"]),
        ("SELECT id FROM silver.users ORDER BY id DESC LIM", ["LIMIT"]),
        ("SELECT silver.users.nom", ["silver.users.nombre_usuario"]),
        ("SELECT 1 FROM silver.users WHERE silver.users.nom", ["silver.users.nombre_usuario"]),
        ("SELECT 1 FROM silver.users AS u WHERE u.nom", ["u.nombre_usuario"]),
        ("SELECT 1 FROM silver.users u WHERE users.nom", ["users.nombre_usuario"]),
        ("SELECT 1 FROM silver.users u WHERE x.nom", []),
    ],
)
def test_tab_offers(tmp_path: Path, before: str, offered: list[str]) -> None:
    completer = SqlCompleter(KnownTables(str(tmp_path)))
    found = completer.get_completions(Document(before), CompleteEvent(completion_requested=True))
    assert [completion.text for completion in found] == offered


def test_tab_knows_the_tables_after_the_cursor(tmp_path: Path) -> None:
    text = "SELECT nombre FROM silver.users"
    document = Document(text, cursor_position=len("SELECT nombre"))
    completer = SqlCompleter(KnownTables(str(tmp_path)))
    found = list(completer.get_completions(document, CompleteEvent(completion_requested=True)))
    assert [(completion.text, completion.start_position) for completion in found] == [("nombre_usuario", -6)]
