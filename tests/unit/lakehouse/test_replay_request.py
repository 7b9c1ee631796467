"""What a user may write after `lakehouse quarantine replay`."""

import argparse
import codecs
from pathlib import Path

import pytest

from lakehouse.errors import InputError
from lakehouse.replay_request import Assignment, Request, add_arguments, assignment, request_from
from operations import cli


def parsed(*arguments: str) -> Request:
    parser = argparse.ArgumentParser()
    add_arguments(parser)
    return request_from(parser.parse_args(arguments))


@pytest.mark.parametrize(
    ("text", "field", "value"),
    [
        ("rating=3.5", "rating", "3.5"),
        ("rating=null", "rating", "null"),
        ('generos=["Drama"]', "generos", '["Drama"]'),
        ("titulo=El viaje", "titulo", '"El viaje"'),  # not JSON: a string
        ('titulo="El viaje"', "titulo", '"El viaje"'),
        ("titulo=a=b", "titulo", '"a=b"'),
        ("titulo=", "titulo", '""'),
        ("titulo=NaN", "titulo", '"NaN"'),  # Python's json accepts it, but it is not JSON
        ("titulo='x'", "titulo", "\"'x'\""),
        ('titulo="', "titulo", '"\\""'),
    ],
)
def test_a_value_is_json_where_it_is_some(text: str, field: str, value: str) -> None:
    assert assignment(text) == Assignment(field, value)


@pytest.mark.parametrize("text", ["rating", "=3", " =3", ""])
def test_without_a_field_it_is_no_assignment(text: str) -> None:
    with pytest.raises(argparse.ArgumentTypeError, match="is not FIELD=VALUE"):
        assignment(text)


def test_the_cause_names_what_was_changed(tmp_path: Path) -> None:
    file = tmp_path / "fix.sql"
    file.write_text("SELECT 1", encoding="utf-8")
    assert parsed().cause == "rules"
    assert parsed("--set", "rating=3", "--set", "titulo=x").cause == 'set rating=3, titulo="x"'
    assert parsed("--fix", str(file)).cause == "fix SELECT 1"


def test_a_field_set_twice_is_named() -> None:
    with pytest.raises(InputError, match="--set gives rating twice"):
        parsed("--set", "rating=3", "--set", "rating=4")


@pytest.mark.parametrize("mark", [b"", codecs.BOM_UTF8])
def test_a_fix_begins_after_its_byte_order_mark(tmp_path: Path, mark: bytes) -> None:
    file = tmp_path / "fix.sql"
    file.write_bytes(mark + b"SELECT 1")
    assert parsed("--fix", str(file)).fix == "SELECT 1"


UNREADABLE = [
    (codecs.BOM_UTF8 + b"\n", "is empty"),
    ("SELECT 1".encode("utf-16"), "not UTF-8"),
    ("SELECT 1".encode("utf-16-le"), "not UTF-8"),  # without a mark: every second byte is NUL
]


@pytest.mark.parametrize(
    ("content", "problem"), [(None, "No such file"), (b" \n", "is empty"), (b"\xff", "UTF-8"), *UNREADABLE]
)
def test_a_file_that_cannot_be_a_fix_is_named(tmp_path: Path, content: bytes | None, problem: str) -> None:
    file = tmp_path / "fix.sql"
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(InputError, match=problem):
        parsed("--fix", str(file))


def test_set_and_fix_exclude_each_other(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as end:
        parsed("--set", "a=1", "--fix", "f.sql")
    assert end.value.code == 2
    assert "not allowed with argument" in capsys.readouterr().err


@pytest.mark.parametrize(
    "arguments", [("quarantine", "--json", "show", "r"), ("quarantine", "show", "r", "--json")]
)
def test_json_may_stand_before_and_after_the_action(arguments: tuple[str, ...]) -> None:
    assert cli.build_parser().parse_args(arguments).json is True
    assert cli.build_parser().parse_args(("quarantine", "show", "r")).json is False
