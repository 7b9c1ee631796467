"""The CSV file: its content byte by byte, who can read it, and that nobody reads half of it."""

import csv
import os
from collections.abc import Iterator
from pathlib import Path

import pandas as pd
import pytest
from pyarrow.fs import LocalFileSystem

from lakehouse.errors import InputError
from lakehouse.exports import export_path, replace_file, write_csv, write_file
from lakehouse.folders import Folder
from tests.support.folders import AWKWARD, EVERY_SIGN
from tests.support.object_store import object_store
from tests.support.titles import STORED

HEADER = ["userId", "recommended_content", "titulo", "predicted_rating"]

# What silver makes of hostile titles, and two that only other columns could contain.
TITLES = [*STORED, "  padded  ", ""]
ROWS = [(f"{number:03}", f"s{number}", title, 1 + number / 10) for number, title in enumerate(TITLES)]


@pytest.fixture
def path(tmp_path: Path) -> str:
    return export_path(str(tmp_path), "final.csv")


def test_bytes(path: str) -> None:
    write_csv(path, HEADER, [("007", "s1", 'Niño, "uno"', 4.5), ("u", "s2", " x ", 3.0)])
    assert Path(path).read_bytes() == (
        b"\xef\xbb\xbfuserId,recommended_content,titulo,predicted_rating\r\n"
        b'007,s1,"Ni\xc3\xb1o, ""uno""",4.50\r\n'
        b"u,s2, x ,3.00\r\n"
    )


@pytest.mark.parametrize("decimals", [2, None])
def test_what_is_no_number_is_an_empty_field(path: str, decimals: int | None) -> None:
    rows = [("u", "s1", "x", value) for value in (None, float("nan"), float("inf"), float("-inf"))]
    write_csv(path, HEADER, rows, decimals=decimals)
    assert Path(path).read_bytes().splitlines()[1:] == [b"u,s1,x,"] * 4


def test_no_rows_leave_a_valid_header(path: str) -> None:
    write_csv(path, HEADER, [])
    assert Path(path).read_bytes() == b"\xef\xbb\xbf" + ",".join(HEADER).encode() + b"\r\n"


def test_csv_module_reads_back_every_character(path: str) -> None:
    write_csv(path, HEADER, ROWS)
    with Path(path).open(encoding="utf-8-sig", newline="") as file:
        read = list(csv.reader(file, strict=True))
    assert read == [HEADER, *[[user, content, title, f"{rating:.2f}"] for user, content, title, rating in ROWS]]


def test_pandas_reads_back_every_character(path: str) -> None:
    write_csv(path, HEADER, ROWS)
    frame = pd.read_csv(path, dtype={"userId": str, "titulo": str}, keep_default_na=False)
    assert list(frame.columns) == HEADER
    assert [tuple(row) for row in frame.itertuples(index=False)] == [
        (*row[:3], pytest.approx(row[3])) for row in ROWS
    ]


def test_a_reader_of_the_old_file_reads_it_to_its_end(path: str) -> None:
    write_csv(path, HEADER, [("old", "s1", "x" * 1000, 1.0)] * 1000)
    old = Path(path).read_bytes()
    with Path(path).open("rb") as reader:
        beginning = reader.read(500)
        write_csv(path, HEADER, [("new", "s1", "y", 1.0)])
        assert beginning + reader.read() == old
    assert b"new" in Path(path).read_bytes()


def test_a_failure_midway_leaves_the_old_file_and_no_other(path: str) -> None:
    write_csv(path, HEADER, [("old", "s1", "x", 1.0)])
    old = Path(path).read_bytes()

    def failing() -> Iterator[tuple[object, ...]]:
        yield ("new", "s1", "y", 1.0)
        assert Path(path).read_bytes() == old  # while the new one is being written
        raise RuntimeError("a task failed")

    with pytest.raises(RuntimeError, match="a task failed"):
        write_csv(path, HEADER, failing())
    assert Path(path).read_bytes() == old
    assert list(Path(path).parent.iterdir()) == [Path(path)]  # no partial file, no checksum file


def test_others_may_read_it_as_the_umask_says(path: str) -> None:
    write_csv(path, HEADER, [])
    umask = os.umask(0)
    os.umask(umask)
    assert Path(path).stat().st_mode & 0o777 == 0o666 & ~umask


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("=1+1", "'=1+1"),
        ("+1", "'+1"),
        ("-1", "'-1"),
        ("@x", "'@x"),
        ("\t=1", "'\t=1"),
        ("\r=1", "'\r=1"),
        ("\n=1", "'\n=1"),
        ("\uff1d1", "'\uff1d1"),  # full-width: a formula to a spreadsheet of East Asian settings
        ("'=1", "''=1"),  # text to a spreadsheet, but it must not equal the escaped `=1`
        ("''=1", "'''=1"),
        ("'1", "'1"),
        (" =1", " =1"),  # text to a spreadsheet
        ("1-1", "1-1"),
        ("", ""),
        (-1.5, "-1.50"),  # a number is not a formula
        (-1, "-1"),
        (None, ""),
        (True, "true"),
    ],
)
def test_formulas_escaped(path: str, text: object, written: str) -> None:
    write_csv(path, ["a", "b"], [(text, "x")], formulas="escape")
    with Path(path).open(encoding="utf-8-sig", newline="") as file:
        assert list(csv.reader(file, strict=True))[1] == [written, "x"]


@pytest.mark.parametrize(("decimals", "written"), [(2, "0.29"), (None, "0.291876")])
def test_numbers_have_as_many_decimals_as_asked_for(path: str, decimals: int | None, written: str) -> None:
    write_csv(path, ["a", "b"], [(0.291876, "x")], decimals=decimals)
    assert Path(path).read_bytes().endswith(f"{written},x\r\n".encode())


@pytest.mark.parametrize("name", ["x" * 255, "ñ" * 127])
def test_any_name_that_the_file_system_takes(tmp_path: Path, name: str) -> None:
    write_file(str(tmp_path / name), b"one")
    write_file(str(tmp_path / name), b"two")
    assert [path.read_bytes() for path in tmp_path.iterdir()] == [b"two"]


def test_what_is_not_a_regular_file_is_never_replaced(tmp_path: Path) -> None:
    pipe, folder, file = tmp_path / "pipe", tmp_path / "folder", tmp_path / "file"
    os.mkfifo(pipe)
    folder.mkdir()
    file.touch()
    for path, problem in (
        (pipe, f"{pipe} is not a regular file; name another file"),
        (folder, f"{folder} is a folder; name a file in it"),
        (file / "r.html", f"cannot write {file}/r.html: Not a directory; make it writable, or name another place"),
    ):
        with pytest.raises(InputError) as caught:
            write_file(str(path), b"x")
        assert str(caught.value) == problem
    assert sorted(tmp_path.iterdir()) == [file, folder, pipe]
    assert pipe.is_fifo()


def test_a_file_in_an_object_store_is_uploaded_under_its_own_name(monkeypatch: pytest.MonkeyPatch) -> None:
    """pyarrow uploads in parts; the store joins them when the upload is complete."""
    key = f"bucket/{AWKWARD}/exports/final.csv"
    with object_store() as store:
        for name, value in (("AWS_ENDPOINT_URL", store.endpoint), ("AWS_REGION", "us-east-1")):
            monkeypatch.setenv(name, value)
        for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
            monkeypatch.setenv(name, "test")
        for content in (b"first", b"12345678" * 2_000_000):
            write_file(f"s3a://{key}", content)
            assert store.objects == {key: content}
    assert {request.partition(" ")[2] for request in store.requests} == {key}  # nothing else is written or moved


def test_where_an_open_file_is_readable_another_name_comes_first(tmp_path: Path) -> None:
    finished, folder = tmp_path / "finished", tmp_path / EVERY_SIGN
    for content in (b"first", b"second"):
        finished.write_bytes(content)
        replace_file(Folder(LocalFileSystem(), str(folder)), "final.csv", finished, whole_on_close=False)
        assert [(path.name, path.read_bytes()) for path in folder.iterdir()] == [("final.csv", content)]
