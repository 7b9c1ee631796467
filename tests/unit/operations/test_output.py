"""Tables in pipes and on narrow terminals: names, numbers and paths are never split."""

import io
import json
import re
from contextlib import redirect_stdout
from typing import Any, NamedTuple

import pytest

from lakehouse.jobs import escape_unencodable
from lakehouse.settings import load_settings
from lakehouse.tables import CATALOGUE
from operations import cli
from operations.output import in_units, print_json, print_table

PATH = "/srv/a folder with blanks/and/more/of/it/lakehouse.toml"
WORDS = "a long text of many words that may be folded between any two of them"
NAMES = (
    "gold.powerbi_recommendations",
    "silver.content.numero_temporadas",
    "12,345,678,901",
    "2025-05-13 12:00:00Z",
)


class Found(NamedTuple):
    value: float
    more: dict[str, Any]


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def printed(out: io.StringIO, *, title: str = "") -> str:
    rows = [(NAMES[0], 12_345_678_901, NAMES[3], WORDS), (NAMES[1], None, PATH, "x")]
    with redirect_stdout(out):
        print_table(("table", "rows", "when it was written last", "what to do"), rows, title=title)
    return re.sub(r"\x1b\[[0-9;]*m", "", out.getvalue())


@pytest.mark.parametrize("columns", ["20", "60", "500"])
def test_piped_output_has_a_line_per_row_whatever_the_terminal(
    monkeypatch: pytest.MonkeyPatch, columns: str
) -> None:
    monkeypatch.setenv("COLUMNS", columns)
    lines = printed(io.StringIO(), title=f"all of {PATH}").splitlines()
    assert lines[0] == f"all of {PATH}"
    first, second = lines[4:6]  # after the title, an empty line, the header and its rule
    assert all(part in first for part in (NAMES[0], NAMES[2], NAMES[3], WORDS))
    assert all(part in second for part in (NAMES[1], "NULL", PATH))


@pytest.mark.parametrize("columns", [10, 40, 60, 80, 100, 120])
def test_on_a_terminal_only_long_texts_are_folded_and_only_between_words(
    monkeypatch: pytest.MonkeyPatch, columns: int
) -> None:
    monkeypatch.setenv("COLUMNS", str(columns))
    out = printed(Terminal(), title=PATH)
    assert out.startswith(f"{PATH}\n")
    for part in (*NAMES, PATH, *WORDS.split(), "rows", "written"):
        assert part in out
    assert WORDS not in out
    assert out.count("\n") > 8  # the long text takes several lines


def test_a_wide_terminal_folds_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "300")
    assert WORDS in printed(Terminal())


def test_a_table_is_no_wider_than_the_terminal_where_that_splits_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "60")
    out = Terminal()
    with redirect_stdout(out):
        print_table(("table", "what"), [("silver.users", WORDS), ("gold.models", WORDS)])
    lines = re.sub(r"\x1b\[[0-9;]*m", "", out.getvalue()).splitlines()
    assert max(map(len, lines)) <= 60


@pytest.mark.parametrize(
    ("columns", "rows"),
    [((), []), (("a",), []), (("",), [("",)]), (("日本" * 20,), [("日本" * 30,)]), (("a\tb",), [("x\ty\tz",)])],
)
@pytest.mark.parametrize("kind", [io.StringIO, Terminal])
def test_any_table_is_printed(
    monkeypatch: pytest.MonkeyPatch, kind: type[io.StringIO], columns: tuple[str, ...], rows: list[tuple[str]]
) -> None:
    monkeypatch.setenv("COLUMNS", "20")
    out = kind()
    with redirect_stdout(out):
        print_table(columns, rows)
    for text in [*columns, *[value for row in rows for value in row]]:
        assert text.replace("\t", "\\t") in out.getvalue()


def test_control_characters_of_data_are_shown_and_not_obeyed() -> None:
    """They would move the cursor, recolour the terminal, or split a row in two."""
    out = io.StringIO()
    values = ("red \x1b[31m", "two\nlines\r\n", "a\0b\x9bc\u2028d", ["x\x7fy", "1\n2"])
    with redirect_stdout(out):
        print_table(("a\nb", "b", "c", "d"), [values])
    header, _, row = out.getvalue().split("\n")[1:4]
    assert header.split() == ["a\\nb", "b", "c", "d"]
    shown = (r"red \u001b[31m", r"two\nlines\r\n", r"a\u0000b\u009bc\u2028d", r'["x\u007fy", "1\n2"]')
    assert [part for part in shown if part not in row] == []


@pytest.mark.parametrize("kind", [io.StringIO, Terminal])
@pytest.mark.parametrize("command", ["status", "config", "doctor"])
def test_commands_keep_names_and_paths_whole_at_60_columns(
    monkeypatch: pytest.MonkeyPatch, tmp_path: object, kind: type[io.StringIO], command: str
) -> None:
    monkeypatch.setenv("COLUMNS", "60")
    root = f"{tmp_path}/a root with blanks/and/so/on/and/so/forth"
    base = load_settings()
    kafka = base.kafka.model_copy(update={"bootstrap_servers": "", "embedded_port": 0})
    out = kind()
    cli.main([command], settings=base.model_copy(update={"root": root, "kafka": kafka}), stdout=out)
    wanted = {
        "status": [root, *(table.sql_name for table in CATALOGUE), "bronze.events"],
        "config": [root, "silver.future_tolerance_seconds", "kafka.connect_timeout_seconds", "producer1_topic"],
        "doctor": ["delta-spark", "Spark jars", "Kafka jars"],
    }
    for name in wanted[command]:
        assert name in out.getvalue()


def test_json_has_null_for_numbers_that_json_cannot_hold(capsys: pytest.CaptureFixture[str]) -> None:
    nan, infinite = float("nan"), float("inf")
    print_json({"value": nan, "rows": [Found(infinite, {"a": -infinite}), (0.5, 1, None, True, "NaN")]})
    assert json.loads(capsys.readouterr().out, parse_constant=pytest.fail) == {
        "value": None,
        "rows": [[None, {"a": None}], [0.5, 1, None, True, "NaN"]],
    }


@pytest.mark.parametrize("encoding", ["utf-8", "UTF8", "latin-1", "cp1252", "ascii"])
def test_json_is_valid_in_every_encoding(monkeypatch: pytest.MonkeyPatch, encoding: str) -> None:
    out = io.BytesIO()
    monkeypatch.setattr("sys.stdout", io.TextIOWrapper(out, encoding=encoding, write_through=True))
    print_json({"título": "日本 \U0001f600"})
    assert json.loads(out.getvalue().decode(encoding)) == {"título": "日本 \U0001f600"}
    assert ("\\u65e5" in out.getvalue().decode(encoding)) == (not encoding.lower().startswith("utf"))


def test_a_table_shows_what_the_encoding_lacks(monkeypatch: pytest.MonkeyPatch) -> None:
    out = io.BytesIO()
    stream = io.TextIOWrapper(out, encoding="latin-1", write_through=True)
    escape_unencodable(stream)
    monkeypatch.setattr("sys.stdout", stream)
    print_table(("title",), [("año 日本",)], title="de 日本")
    assert "año \\u65e5\\u672c" in out.getvalue().decode("latin-1")


@pytest.mark.parametrize(
    ("size", "text"),
    [
        (0, "0 B"),
        (999, "999 B"),
        (1000, "1.0 KB"),
        (1_234_567, "1.2 MB"),
        (12_345_678, "12 MB"),
        (5 * 10**15, "5,000 TB"),
    ],
)
def test_sizes_are_shown_in_units(size: int, text: str) -> None:
    assert in_units(size) == text
