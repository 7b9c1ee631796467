"""`lakehouse sql` on a real terminal, as a user has it."""

import re
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.demo import Demo
from tests.support.processes import environment
from tests.support.terminal import Terminal

CTRL_C, CTRL_D, ENTER, TAB = "\x03", "\x04", "\r", "\t"
# 250 billion pairs: hours.
LONG = "SELECT count(*) FROM range(500000) a CROSS JOIN range(500000) b WHERE a.id + b.id < 0;"


@pytest.fixture
def terminal(demo: Demo, tmp_path: Path) -> Iterator[Terminal]:
    variables = environment(demo.settings) | {"XDG_STATE_HOME": str(tmp_path)}
    terminal = Terminal(["lakehouse", "sql", "--csv"], variables)
    try:
        yield terminal
    finally:
        terminal.close()


def test_a_session_of_a_user(terminal: Terminal, tmp_path: Path) -> None:
    """The prompt is there before Spark is; Tab completes; Ctrl-C ends a query and nothing else; Ctrl-D leaves."""
    terminal.await_text("sql> ")
    terminal.press("\\d silver.us" + TAB)
    terminal.await_text("silver.users")
    terminal.press(ENTER)
    terminal.await_text("nombre_usuario,string,false,false\n")
    terminal.press("SELECT count(*) AS users," + ENTER)
    terminal.press("current_database() AS here FROM silver.us" + TAB)
    terminal.await_text("FROM silver.users")
    terminal.press(f";{ENTER}")
    terminal.await_text("waiting for Spark, which is still starting\n")
    terminal.await_text("users,here\n")
    assert re.fullmatch(r"\d+,default\n", terminal.await_text("default\n"))

    terminal.press(f"SELECT nothing;{ENTER}")
    assert terminal.await_text("sql only reads; tables here: bronze.events").count("error: ") == 1

    terminal.press(f"{LONG}{ENTER}")
    terminal.await_text("< 0;\n")
    terminal.await_no_prompt()
    terminal.press(CTRL_C)
    terminal.await_text("cancelled\n", timeout=60)
    terminal.press(f"SELECT 6 * 7 AS answer;{ENTER}")
    terminal.await_text("answer\n42\n")

    terminal.await_text("sql> ")
    terminal.press(CTRL_D)
    assert terminal.await_end() == 0
    assert "Traceback" not in terminal.shown
    history = tmp_path / "lakehouse" / "sql_history"
    assert stat.S_IMODE(history.stat().st_mode) == 0o600
    assert "SELECT 6 * 7 AS answer;" in history.read_text(encoding="utf-8")
