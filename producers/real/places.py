"""Positions in a file, for errors that a person can find in an editor."""

import codecs
import csv
import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from lakehouse.configuration.byte_order_marks import wide_encoding

# A valid cell and its delimiter; does not match a cell whose quotes are wrong.
_CELL = re.compile(rb'(?:"[^"]*+(?:""[^"]*+)*+"|[^",\r\n][^,\r\n]*+)?(?:,|\r\n?|\n|\Z)')
_LINE_END = re.compile(rb"\r\n?|\n")
# The first bytes of compressed files. Spreadsheets (xlsx, ods) are zip archives.
_ARCHIVES = {
    b"\x1f\x8b": "gzip",
    b"PK\x03\x04": "zip or spreadsheet",
    b"BZh": "bzip2",
    b"\xfd7zXZ\x00": "xz",
    b"\x28\xb5\x2f\xfd": "zstd",
    b"7z\xbc\xaf": "7z",
}


class Place(NamedTuple):
    """A byte's offset in its file, from 0, and its line, from 1."""

    byte: int
    line: int

    def __str__(self) -> str:
        return f"byte {self.byte} (line {self.line})"


def other_encoding(path: Path) -> str | None:
    """The encoding that the file's first bytes indicate, by a byte order mark or zeros, if it is not UTF-8."""
    with path.open("rb") as file:
        head = file.read(4)
    return wide_encoding(head) or ("UTF-16 or UTF-32" if head.count(0) > 1 else None)


def archive(path: Path) -> str | None:
    """The kind of compressed file that the first bytes indicate."""
    with path.open("rb") as file:
        head = file.read(6)
    return next((kind for mark, kind in _ARCHIVES.items() if head.startswith(mark)), None)


def bad_byte(path: Path) -> Place | None:
    """The position of the first byte that is not valid UTF-8."""
    for place, text in _lines(path):
        try:
            text.decode()
        except UnicodeDecodeError as error:
            return place._replace(byte=place.byte + error.start)
    return None


def nul_byte(path: Path) -> Place | None:
    for place, text in _lines(path):
        if b"\0" in text:
            return place._replace(byte=place.byte + text.index(b"\0"))
    return None


def line_start(path: Path, line: int) -> Place | None:
    return next((place for place, _ in _lines(path) if place.line == line), None)


def broken_cell(path: Path) -> Place | None:
    """Where the first cell begins that is not CSV, or is longer than the reader accepts."""
    text = path.read_bytes()
    at = len(codecs.BOM_UTF8) if text.startswith(codecs.BOM_UTF8) else 0
    while at < len(text):
        cell = _CELL.match(text, at)
        if cell is None or len(cell[0].decode(errors="replace")) > csv.field_size_limit():
            return Place(at, 1 + sum(1 for _ in _LINE_END.finditer(text, 0, at)))
        at = cell.end()
    return None


def _lines(path: Path) -> Iterator[tuple[Place, bytes]]:
    """Each line with its line ending, split as in Python's text files: at CR, LF or both."""
    at, line = 0, 1
    with path.open("rb") as file:
        for chunk in file:
            for text in chunk.splitlines(keepends=True):
                yield Place(at, line), text
                at += len(text)
                line += 1
