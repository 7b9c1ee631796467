"""Results as a table, as JSON and as CSV."""

import csv
import io
import json
from datetime import UTC, date, datetime
from decimal import Decimal

import pytest

from operations.shell.results import QueryResult, show

ROW = [
    *("a", 1234, 1.5, True, Decimal("1.10"), None),
    *([1, {"b": "ñ"}], date(2024, 2, 29), datetime(2025, 5, 13, 12, tzinfo=UTC), b"\x00\xff"),
]
RESULT = QueryResult([f"c{number}" for number in range(len(ROW))], [ROW], is_cut=False)


def test_csv_has_plain_numbers_and_json_for_what_it_lacks(capsys: pytest.CaptureFixture[str]) -> None:
    show(RESULT, "csv")
    out, err = capsys.readouterr()
    header, row = csv.reader(io.StringIO(out))
    assert header == RESULT.columns
    assert row == [
        *("a", "1234", "1.5", "true", "1.10", ""),
        *('[1, {"b": "ñ"}]', "2024-02-29", "2025-05-13 12:00:00Z", "00ff"),
    ]
    assert err == ""


def test_csv_keeps_texts_as_they_are(capsys: pytest.CaptureFixture[str]) -> None:
    texts = ["a,b", 'say "x"', "two\nlines", " blank ", "ñ\u200b"]
    show(QueryResult(["t"], [[text] for text in texts], is_cut=False), "csv")
    assert list(csv.reader(io.StringIO(capsys.readouterr().out))) == [["t"], *([text] for text in texts)]


def test_json_has_an_object_per_row(capsys: pytest.CaptureFixture[str]) -> None:
    show(RESULT, "json")
    (row,) = json.loads(capsys.readouterr().out)
    assert list(row.values()) == [
        *("a", 1234, 1.5, True, "1.10", None),
        *([1, {"b": "ñ"}], "2024-02-29", "2025-05-13 12:00:00Z", "00ff"),
    ]


def test_a_table_shows_null_and_two_columns_of_one_name(capsys: pytest.CaptureFixture[str]) -> None:
    show(QueryResult(["id", "id"], [["u1", None]], is_cut=False), "table")
    lines = capsys.readouterr().out.splitlines()
    assert [line.split() for line in lines if "id" in line or "u1" in line] == [["id", "id"], ["u1", "NULL"]]


@pytest.mark.parametrize(("form", "on_stdout"), [("table", True), ("json", False), ("csv", False)])
def test_further_rows_are_mentioned_where_no_program_reads(
    capsys: pytest.CaptureFixture[str], form: str, on_stdout: bool
) -> None:
    show(QueryResult(["n"], [[1], [2]], is_cut=True), form)
    out, err = capsys.readouterr()
    line = "the first 2 rows; --limit shows more\n"
    assert (out.endswith(line), err) == ((True, "") if on_stdout else (False, line))
