"""Entries of the shell: statements run in order, commands that start with a backslash."""

from pathlib import Path

import pytest

from lakehouse.errors import InputError, LakehouseError
from operations.commands.sql import run_lines
from operations.shell.known_tables import KnownTables
from operations.shell.results import QueryResult
from operations.shell.shell import COMMANDS, Shell


class Recorder:
    """Runs every statement but one that says `wrong`, and keeps them."""

    def __init__(self) -> None:
        self.ran: list[str] = []

    def __call__(self, statement: str) -> QueryResult:
        self.ran.append(statement)
        if "wrong" in statement:
            raise InputError("no such column", todo="correct the query")
        return QueryResult(["n"], [[len(self.ran)]], is_cut=False)


@pytest.fixture
def recorder() -> Recorder:
    return Recorder()


@pytest.fixture
def shell(recorder: Recorder, tmp_path: Path) -> Shell:
    return Shell(recorder, KnownTables(str(tmp_path)), form="csv")


def test_statements_run_in_order_and_the_rest_is_returned(
    shell: Shell, recorder: Recorder, capsys: pytest.CaptureFixture[str]
) -> None:
    assert shell.enter("SELECT 1; SELECT\n2; SELECT") == "SELECT"
    assert recorder.ran == ["SELECT 1", "SELECT\n2"]
    assert capsys.readouterr().out == "n\n1\nn\n2\n"


def test_nothing_runs_after_a_failure(shell: Shell, recorder: Recorder) -> None:
    with pytest.raises(InputError, match="no such column"):
        shell.enter("SELECT 1; wrong; SELECT 3;")
    assert recorder.ran == ["SELECT 1", "wrong"]


def test_the_format_is_switched(shell: Shell, capsys: pytest.CaptureFixture[str]) -> None:
    for entry in ("\\json", "a;", "\\csv", "b;", "\\table;", "c;"):
        shell.enter(entry)
    json, csv, table = '[\n  {\n    "n": 1\n  }\n]\n', "n\n2\n", capsys.readouterr().out
    assert table.startswith(json + csv)
    assert table.removeprefix(json + csv).split() == ["n", "───", "3"]


def test_help_has_every_command(shell: Shell, capsys: pytest.CaptureFixture[str]) -> None:
    shell.enter("\\?")
    out = capsys.readouterr().out
    assert all(f"  {name} " in out and text in out for name, text in COMMANDS.items())


@pytest.mark.parametrize("entry", ["\\q", " \\q ;", "\\q\n"])
def test_q_leaves(shell: Shell, entry: str) -> None:
    with pytest.raises(EOFError):
        shell.enter(entry)


@pytest.mark.parametrize(
    ("entry", "line"),
    [
        ("\\x", "no command \\x; \\? lists them"),
        ("\\", "no command \\; \\? lists them"),
        ("\\q now", "too many arguments after \\q; \\? shows its arguments"),
        ("\\d silver.users gold.models", "too many arguments after \\d; \\? shows its arguments"),
        ("\\d silver.user", "no table 'silver.user' in this lakehouse; did you mean silver.users?"),
    ],
)
def test_a_wrong_command_is_one_line(shell: Shell, entry: str, line: str) -> None:
    with pytest.raises(LakehouseError) as raised:
        shell.enter(entry)
    assert str(raised.value) == line


def test_lines_are_statements_as_soon_as_they_are_complete(shell: Shell, recorder: Recorder) -> None:
    """A pipe may stay open: what came so far runs."""

    def lines():  # type: ignore[no-untyped-def]
        yield "\ufeff-- users\n"
        yield "SELECT\n"
        assert recorder.ran == []
        yield "1; SELECT 2;\n"
        assert recorder.ran == ["SELECT\n1", "SELECT 2"]
        yield "\\csv\n"
        yield "SELECT 3 -- the last one has no semicolon"

    run_lines(shell, lines())
    assert recorder.ran[2:] == ["SELECT 3 -- the last one has no semicolon"]


def test_the_first_failing_statement_of_an_input_is_named_by_its_line(shell: Shell, recorder: Recorder) -> None:
    with pytest.raises(InputError) as raised:
        run_lines(shell, ["SELECT 1;\n", "\n", "SELECT\n", "wrong;\n", "SELECT 3;\n"])
    assert str(raised.value) == "line 4: no such column; correct the query"
    assert len(recorder.ran) == 2


@pytest.mark.parametrize("lines", [[], ["\n"], ["-- nothing"], [";\n", "/* nothing */"]])
def test_an_empty_input_runs_nothing(shell: Shell, recorder: Recorder, lines: list[str]) -> None:
    run_lines(shell, lines)
    assert recorder.ran == []
