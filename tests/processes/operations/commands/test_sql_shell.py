"""`lakehouse sql` on a real terminal, as a user has it."""

import re
import socket
import stat
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path

import pytest

from lakehouse.settings import Settings, load_settings
from tests.support.demo import Demo
from tests.support.processes import environment
from tests.support.terminal import Terminal

CTRL_C, CTRL_D, ENTER, TAB = "\x03", "\x04", "\r", "\t"
# 250 billion pairs: hours.
LONG = "SELECT count(*) FROM range(500000) a CROSS JOIN range(500000) b WHERE a.id + b.id < 0;"


Start = Callable[[Settings, Mapping[str, str]], Terminal]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Starts `lakehouse sql` with these settings and variables."""
    with ExitStack() as stack:

        def on_terminal(settings: Settings, variables: Mapping[str, str]) -> Terminal:
            own = environment(settings) | {"XDG_STATE_HOME": str(tmp_path)} | variables
            terminal = Terminal(["lakehouse", "sql", "--csv"], own)
            stack.callback(terminal.close)
            return terminal

        yield on_terminal


def gateway(port: int) -> dict[str, str]:
    """What spark-submit sets, so that Spark's JVM is whatever listens at this port."""
    return {"PYSPARK_GATEWAY_PORT": str(port), "PYSPARK_GATEWAY_SECRET": "none"}


def test_a_shell_whose_spark_never_starts_up(start: Start, tmp_path: Path) -> None:
    """Its JVM accepts the connection and says nothing. What needs no Spark works, and Ctrl-C ends every wait."""
    settings = load_settings().model_copy(update={"root": str(tmp_path / "none")})
    with socket.create_server(("127.0.0.1", 0)) as silent:
        terminal = start(settings, gateway(silent.getsockname()[1]))
        terminal.await_text("sql>")
        terminal.press("\\d silver.us" + TAB)
        terminal.await_text("ers")
        terminal.press(ENTER)
        terminal.await_text("nombre_usuario,string,false,false\n")
        terminal.await_text("sql>")
        terminal.press(f"SELECT 1;{ENTER}")
        terminal.await_text("waiting for Spark, which is still starting\n")
        terminal.await_no_prompt()
        terminal.press(CTRL_C)
        terminal.await_text("cancelled\n")
        terminal.await_text("sql>")
        terminal.press(CTRL_D)
        terminal.await_text("waiting for Spark, which is still starting, before stopping it\n")
        terminal.press(CTRL_C)
        assert terminal.await_end() == 130


def test_a_spark_that_cannot_start_ends_the_prompt(start: Start, tmp_path: Path) -> None:
    settings = load_settings().model_copy(update={"root": str(tmp_path / "none")})
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    terminal = start(settings, gateway(port))  # nobody listens there any more
    assert terminal.await_end() == 2
    assert "spark-submit's JVM does not answer" in terminal.shown.splitlines()[-1]


def test_a_session_of_a_user(start: Start, demo: Demo, small_jobs: dict[str, str], tmp_path: Path) -> None:
    """The prompt is there before Spark is; Ctrl-C ends a query and nothing else; Ctrl-D leaves."""
    terminal = start(demo.settings, small_jobs)
    terminal.await_text("sql>")
    terminal.press("SELECT count(*) AS n," + ENTER)
    terminal.press("current_database() AS here FROM silver.us" + TAB)
    terminal.await_text("ers")
    terminal.press(f";{ENTER}")
    terminal.await_text("waiting for Spark, which is still starting\n")
    terminal.await_text("n,here\n")
    assert re.fullmatch(r"\d+,default\n", terminal.await_text("default\n"))

    terminal.await_text("sql>")
    terminal.press(f"SELECT nothing;{ENTER}")
    assert terminal.await_text("sql only reads; tables here: bronze.events").count("error: ") == 1

    terminal.await_text("sql>")
    terminal.press(f"{LONG}{ENTER}")
    terminal.await_text("< 0;\n")
    terminal.await_no_prompt()
    terminal.press(CTRL_C)
    terminal.await_text("cancelled\n", timeout=60)
    terminal.await_text("sql>")
    terminal.press(f"SELECT 6 * 7 AS answer;{ENTER}")
    terminal.await_text("answer\n42\n")

    terminal.await_text("sql>")
    terminal.press(CTRL_D)
    assert terminal.await_end() == 0
    assert "Traceback" not in terminal.shown
    history = tmp_path / "lakehouse" / "sql_history"
    assert stat.S_IMODE(history.stat().st_mode) == 0o600
    assert "SELECT 6 * 7 AS answer;" in history.read_text(encoding="utf-8")
