"""CSV files of a known layout, row by row, or a one-line error that says what is wrong and where."""

import csv
import unicodedata
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from lakehouse.errors import InputError
from lakehouse.text import cleaned
from producers.real import places
from producers.real.places import Place

# The header of an unrelated file can be anything.
_MOST_NAMES = 20
_LONGEST = 40

_QUOTES = 'close the quotes of the cell that begins there, and write a quote inside a cell as ""'
_TOO_LONG = "close the quotes of the cell that begins there, or shorten it"


@dataclass(frozen=True, slots=True)
class CsvRow:
    """The text of each wanted column, and the line on which the row begins."""

    line: int
    cells: dict[str, str]

    def __getitem__(self, column: str) -> str:
        return self.cells[column]

    def stored(self, column: str) -> str:
        """The text as silver stores it; empty for a blank one."""
        return cleaned(self.cells[column]) or ""


def read_rows(path: Path, columns: Sequence[str]) -> list[CsvRow]:
    """The rows of the file; columns are found by name, ignoring case and surrounding blanks.

    Raises InputError for a missing or unreadable file, missing or repeated columns, text that is not UTF-8 or not
    CSV, rows with too few or too many cells, and no rows; it names the byte and the line.
    """
    try:
        with path.open(encoding="utf-8-sig", newline="") as lines:
            return _rows(path, lines, columns)
    except FileNotFoundError:
        raise InputError(f"no file {path}", todo=f"expected a CSV with {', '.join(columns)}") from None
    except IsADirectoryError:
        raise InputError(f"{path} is a folder", todo="name the CSV file itself") from None
    except OSError as error:
        raise InputError(
            f"cannot read {path}: {error.strerror}", todo="name a CSV file that this user can read"
        ) from error
    except UnicodeDecodeError as error:
        raise _no_text(path) or InputError(
            f"{path} is not UTF-8{_at(path, places.bad_byte)}", todo="convert it to UTF-8"
        ) from error
    except csv.Error as error:
        at = _at(path, places.broken_cell)
        todo = _TOO_LONG if "field limit" in str(error) else _QUOTES
        raise InputError(f"{path} is not valid CSV{at}: {error}", todo=todo) from error


def where(path: Path, line: int) -> str:
    """` at byte 120 (line 3)`: where that line begins."""
    return _at(path, lambda file: places.line_start(file, line))


def shown(value: str) -> str:
    """The value in quotes, on one line, truncated if it is long."""
    return repr(value if len(value) <= _LONGEST else f"{value[:_LONGEST]}...")


def first_of(count: int) -> str:
    """The text after the first of several faults."""
    return f" (the first of {count:,} such rows)" if count > 1 else ""


def _rows(path: Path, lines: Iterable[str], columns: Sequence[str]) -> list[CsvRow]:
    reader = csv.reader(_without_nul(path, lines), strict=True)
    header = next(reader, [])
    at = _positions(path, header, columns)
    # spreadsheets add nameless columns at the end, but not in every row
    needed = max(place for place, name in enumerate(header, start=1) if name.strip())
    rows: list[CsvRow] = []
    misfits: list[tuple[int, int]] = []
    line = reader.line_num + 1
    try:
        for cells in reader:
            if len(cells) >= needed and not any(cell.strip() for cell in cells[len(header) :]):
                rows.append(CsvRow(line, {name: cells[place] for name, place in at.items()}))
            elif any(cell.strip() for cell in cells):
                misfits.append((line, len(cells)))
            line = reader.line_num + 1
    except csv.Error:
        # an unclosed quote may end at a later cell's quote: then its row is the first that does not fit
        if not misfits:
            raise
    if misfits:
        raise _misfit(path, misfits, expected=len(header))
    if not rows:
        raise InputError(f"{path} has a header and no rows", todo="name a CSV file with rows")
    return rows


def _without_nul(path: Path, lines: Iterable[str]) -> Iterator[str]:
    for line in lines:
        if "\0" in line:
            raise _no_text(path) or InputError(
                f"{path} has a NUL character{_at(path, places.nul_byte)}", todo="remove it"
            )
        yield line


def _positions(path: Path, header: Sequence[str], columns: Sequence[str]) -> dict[str, int]:
    """The position of each wanted column. Repeated names are refused: either of the two could be meant."""
    names = [_plain(name) for name in header]
    twice = [name for name, count in Counter(names).items() if name and count > 1]
    if twice:
        spelled = [shown(name) for name in header if _plain(name) in twice]
        raise InputError(
            f"{path} has more than one column {_listed(twice)}: {_listed(spelled)}",
            todo="keep one of them, or rename the others",
        )
    missing = [name for name in columns if _plain(name) not in names]
    if missing:
        raise InputError(
            f"{path} has no column {', '.join(missing)}; it has {_listed(header) or 'no header'}",
            todo=f"expected the columns {', '.join(columns)}, separated by commas, in the first line",
        )
    return {name: names.index(_plain(name)) for name in columns}


def _plain(name: str) -> str:
    visible = unicodedata.normalize("NFKC", name).replace("\ufeff", "").replace("\u200b", "")
    return " ".join(visible.split()).casefold()


def _listed(names: Sequence[str]) -> str:
    short = [" ".join(name.split())[:_LONGEST] for name in names[:_MOST_NAMES]]
    more = [f"{len(names) - _MOST_NAMES} more"] if len(names) > _MOST_NAMES else []
    return ", ".join(short + more)


def _misfit(path: Path, misfits: Sequence[tuple[int, int]], *, expected: int) -> InputError:
    line, cells = misfits[0]
    return InputError(
        f"{path}: the row{where(path, line)} has {cells} cells, the header has {expected}{first_of(len(misfits))}",
        todo="correct the file: a cell with a comma or a line break needs quotes around it",
    )


def _no_text(path: Path) -> InputError | None:
    """The error for a file whose first bytes say what it is instead of UTF-8."""
    if not path.is_file():
        return None
    archive = places.archive(path)
    if archive is not None:
        return InputError(f"{path} is a {archive} file", todo="unpack it, or save it as CSV, and name that file")
    encoding = places.other_encoding(path)
    if encoding is None:
        return None
    return InputError(
        f"{path} is {encoding}, according to its bytes from byte 0 (line 1) on", todo="convert it to UTF-8"
    )


def _at(path: Path, find: Callable[[Path], Place | None]) -> str:
    """The place, found by reading the file a second time; unknown for a pipe, which cannot be read twice."""
    place = find(path) if path.is_file() else None
    return "" if place is None else f" at {place}"
