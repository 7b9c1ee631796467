"""CSV files of a known layout, row by row, or one line that says what is wrong with them."""

import csv
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

from lakehouse.errors import InputError

Row = dict[str, str]


def read_rows(path: Path, columns: Sequence[str], unmapped: Counter[str]) -> list[Row]:
    """The rows of the file, with text in every one of the columns; ragged rows are counted in `unmapped`.

    Raises InputError for a missing file, missing columns, or text that is no UTF-8 or no CSV.
    """
    try:
        with path.open(encoding="utf-8-sig", newline="") as lines:
            reader = csv.DictReader(lines, strict=True)
            _require_columns(path, reader.fieldnames or [], columns)
            return list(_rows(path.name, reader, columns, unmapped))
    except FileNotFoundError:
        raise InputError(f"no file {path}", todo=f"expected a CSV with {', '.join(columns)}") from None
    except IsADirectoryError:
        raise InputError(f"{path} is a folder", todo="name the CSV file itself") from None
    except UnicodeDecodeError as error:
        raise InputError(f"{path} is no UTF-8 at byte {error.start}", todo="convert it to UTF-8") from error
    except csv.Error as error:
        raise InputError(f"{path} is no valid CSV: {error}", todo="correct the file") from error


def _require_columns(path: Path, found: Sequence[str], expected: Sequence[str]) -> None:
    missing = [name for name in expected if name not in found]
    if missing:
        raise InputError(
            f"{path} has no column {', '.join(missing)}; it has {', '.join(found) or 'no header'}",
            todo=f"expected the columns {', '.join(expected)}",
        )


def _rows(
    name: str, reader: "csv.DictReader[str]", columns: Sequence[str], unmapped: Counter[str]
) -> Iterator[Row]:
    for row in reader:
        if None in row or None in row.values():
            unmapped[f"rows of {name} with too many or too few columns"] += 1
        yield {column: row[column] or "" for column in columns}
