"""A CSV is read, or one line names the problem and the byte and line of the file. Columns are found by name."""

import bz2
import errno
import gzip
import lzma
import os
from pathlib import Path

import pytest

from lakehouse.errors import InputError
from producers.real.layouts import read_rows

COLUMNS = ("id", "title")
HEADER = b"id,title,more\n"
# More than Python decodes and csv reads at once: a position relative to the last piece would be a small number.
MANY = b"".join(b"%d,a title,\xc3\xb1\n" % number for number in range(100_000, 120_000))
LINES = 20_001  # with the header
AT = len(HEADER) + len(MANY)


def fault(folder: Path, content: bytes) -> str:
    """The error for a file with this content, without the path of its folder."""
    file = folder / "f.csv"
    file.write_bytes(content)
    with pytest.raises(InputError) as caught:
        read_rows(file, COLUMNS)
    assert caught.value.exit_code == 2
    text = str(caught.value).replace(f"{folder}/", "")
    assert text.isprintable(), text  # one line, nothing invisible
    return text


def titles(folder: Path, content: bytes) -> list[tuple[int, str]]:
    file = folder / "f.csv"
    file.write_bytes(content)
    return [(row.line, row["title"]) for row in read_rows(file, COLUMNS)]


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        # bytes that are not UTF-8: at the start, far in, truncated at the end, and after a mark, which counts too
        (b"i\xf1d,title,more\n", "f.csv is not UTF-8 at byte 1 (line 1); "),
        (HEADER + MANY + b"1,a\xf1o,\n" + MANY, f"f.csv is not UTF-8 at byte {AT + 3} (line {LINES + 1}); "),
        (HEADER + MANY + b"1,a\xc3", f"f.csv is not UTF-8 at byte {AT + 3} (line {LINES + 1}); "),
        (b"\xef\xbb\xbf" + HEADER + b"1,a\xf1o,\n", "f.csv is not UTF-8 at byte 20 (line 2); "),
        # lines that end in CR LF, or in CR alone
        (b"id,title\r\n1,a\r\n2,\xf1\r\n", "f.csv is not UTF-8 at byte 17 (line 3); "),
        (b"id,title\r1,a\r2,\xf1\r", "f.csv is not UTF-8 at byte 15 (line 3); "),
        # other encodings: by their mark, or by zeros
        (
            "id,title\n1,año\n".encode("utf-16"),
            "f.csv is UTF-16, according to its bytes from byte 0 (line 1) on; ",
        ),
        (
            "id,title\n1,a\n".encode("utf-16-be"),
            "f.csv is UTF-16 or UTF-32, according to its bytes from byte 0 (line 1) on; ",
        ),
        (
            "id,title\n1,ñ\n".encode("utf-16-le"),
            "f.csv is UTF-16 or UTF-32, according to its bytes from byte 0 (line 1) on; ",
        ),
        ("id,title\n1,a\n".encode("utf-32"), "f.csv is UTF-32, according to its bytes from byte 0 (line 1) on; "),
        # NUL
        (b"id\0,title\n", "f.csv has a NUL character at byte 2 (line 1); remove it"),
        (
            HEADER + MANY + b"1,a\0b,\n",
            f"f.csv has a NUL character at byte {AT + 3} (line {LINES + 1}); remove it",
        ),
        # quotes: never closed, closed too early, escaped with a backslash; the position is where the cell begins
        (HEADER + MANY + b'1,"open,\n2,b,\n', f"f.csv is not valid CSV at byte {AT + 2} (line {LINES + 1}): "),
        (HEADER + b'1,"open,\n2,b,\n3,"c",\n', "f.csv is not valid CSV at byte 16 (line 2): "),
        (HEADER + b'1,"one\ntwo",\n2,"a"b,\n', "f.csv is not valid CSV at byte 29 (line 4): "),
        (HEADER + b'1,"say \\"a\\"",\n', "f.csv is not valid CSV at byte 16 (line 2): "),
        (b'"id,title\n1,a\n', "f.csv is not valid CSV at byte 0 (line 1): "),
        (b'\xef\xbb\xbf"id,title\n1,a\n', "f.csv is not valid CSV at byte 3 (line 1): "),
        # a quote around more text than csv reads as one cell
        (HEADER + b'1,a,\n2,"open,\n' + MANY, "f.csv is not valid CSV at byte 21 (line 3): "),
        # a quote that swallows the next row and ends in the one after: too few cells on the line where it began
        (HEADER + b'1,"open,\n2,"",\n3,b"\n4,c,\n5,"x"y,\n', "f.csv: the row at byte 14 (line 2) has 2 cells, "),
        # too few and too many cells
        (HEADER + b"1,a,\n2\n3,c,\n", "f.csv: the row at byte 19 (line 3) has 1 cells, the header has 3; "),
        (
            HEADER + b"1,a,b,c\n2\n",
            "f.csv: the row at byte 14 (line 2) has 4 cells, the header has 3 (the first of 2 ",
        ),
        (HEADER + b'1,"a\nb",\n2,a,b,c\n', "f.csv: the row at byte 23 (line 4) has 4 cells, the header has 3; "),
        # more text than csv reads as one cell, with and without quotes
        (
            HEADER + b"1," + b"a" * 131_073 + b",\n",
            "f.csv is not valid CSV at byte 16 (line 2): field larger than field limit (131072); close the "
            "quotes of the cell that begins there, or shorten it",
        ),
        # files of other programs
        (gzip.compress(HEADER, mtime=0), "f.csv is a gzip file; unpack it, or save it as CSV, and name that file"),
        (bz2.compress(HEADER), "f.csv is a bzip2 file; "),
        (lzma.compress(HEADER), "f.csv is a xz file; "),
        (b"PK\x03\x04\x14\0\0\0", "f.csv is a zip or spreadsheet file; "),
        # no rows
        (HEADER, "f.csv has a header and no rows; name a CSV file with rows"),
        (HEADER + b"\n \n", "f.csv has a header and no rows; "),
    ],
)
def test_what_is_wrong_is_named_with_its_byte_and_line(tmp_path: Path, content: bytes, expected: str) -> None:
    assert fault(tmp_path, content).startswith(expected)


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        ("id,title,title", "f.csv has more than one column title: 'title', 'title'; keep one of them"),
        # the same name to a person: blanks, case, an invisible character
        ("id,title, Title ", "f.csv has more than one column title: 'title', ' Title '; "),
        ("id,title,TITLE", "f.csv has more than one column title: 'title', 'TITLE'; "),
        ("id,title,\u200btitle", "f.csv has more than one column title: 'title', '\\u200btitle'; "),
        # all of them, even one that nobody reads
        ("id,note,title,ID,Note", "f.csv has more than one column id, note: 'id', 'note', 'ID', 'Note'; "),
        ("id,name", "f.csv has no column title; it has id, name; expected the columns id, title, separated by "),
        ("name", "f.csv has no column id, title; it has name; "),
        ("id;title", "f.csv has no column id, title; it has id;title; "),
        ("", "f.csv has no column id, title; it has no header; "),
        ('id,"two\nlines"', "f.csv has no column title; it has id, two lines; "),
    ],
)
def test_wrong_columns_are_named(tmp_path: Path, header: str, expected: str) -> None:
    assert fault(tmp_path, f"{header}\n1,a,b,c,d\n".encode()).startswith(expected)


def test_a_header_of_a_thousand_columns_is_still_one_short_line(tmp_path: Path) -> None:
    assert len(fault(tmp_path, ",".join(f"{n}{'x' * 99}" for n in range(1000)).encode())) < 1200


@pytest.mark.parametrize(
    "content",
    [
        b"id,title\n1,a\n",
        b"id,title\r\n1,a\r\n",
        b"\xef\xbb\xbfid,title\n1,a\n",  # Excel's mark
        b"\xef\xbb\xbf\xef\xbb\xbfid,title\n1,a\n",  # saved twice
        b" ID , Title\n1,a\n",  # equal to a person
        b"title,other,id\na,b,1\n",
        b"id,title,,\n1,a,,\n",  # columns without a name, as spreadsheets leave them
        b"id,title\n1,a,,\n",  # only in the rows
        b"id,title,,\n1,a\n",  # or only in the header
        b'id,title\n1,"a"\n\n \n',  # blank lines
    ],
)
def test_harmless_differences_are_read(tmp_path: Path, content: bytes) -> None:
    assert titles(tmp_path, content) == [(2, "a")]


def test_a_row_knows_the_line_on_which_it_begins(tmp_path: Path) -> None:
    found = titles(tmp_path, b'id,title\n1,"a ""b""\nc"\n\n2,d\n')
    assert found == [(2, 'a "b"\nc'), (5, "d")]


@pytest.mark.parametrize("number", [errno.EACCES, errno.EIO])
def test_a_file_that_cannot_be_read_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int) -> None:
    """Permissions do not stop root, which may run the tests: opening fails here as it does for others."""
    file = tmp_path / "f.csv"

    def failing(*_: object, **__: object) -> None:
        raise OSError(number, os.strerror(number), str(file))

    monkeypatch.setattr(Path, "open", failing)
    with pytest.raises(InputError) as caught:
        read_rows(file, COLUMNS)
    assert (
        str(caught.value) == f"cannot read {file}: {os.strerror(number)}; name a CSV file that this user can read"
    )


def test_a_path_through_a_file_is_named(tmp_path: Path) -> None:
    (tmp_path / "f.csv").touch()
    with pytest.raises(InputError, match=r"^cannot read .*/f\.csv/ratings\.csv: Not a directory; "):
        read_rows(tmp_path / "f.csv" / "ratings.csv", COLUMNS)
