"""How commands print: tables for people, JSON for programs."""

import codecs
import json
import math
import sys
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, date, datetime
from typing import Any, NamedTuple

from rich import box
from rich.cells import cell_len
from rich.console import Console
from rich.table import Table
from rich.text import Text

from lakehouse.text import escaped

# Texts up to this width are not wrapped: names, numbers, times, status words.
_SHORT = 24
_UNITS = ("B", "KB", "MB", "GB", "TB")


def print_json(value: Any) -> None:
    """Print valid JSON, also to an output that is not UTF-8, which may lack the characters of a title."""
    encoding = sys.stdout.encoding  # None for a stream in memory
    ascii_only = encoding is not None and codecs.lookup(encoding).name != "utf-8"
    print(as_json(value, ascii_only=ascii_only))


def as_json(value: Any, *, ascii_only: bool = False) -> str:
    """The value as valid JSON for people and programs."""
    return json.dumps(_finite(value), ensure_ascii=ascii_only, indent=2, default=_plain, allow_nan=False)


def _finite(value: Any) -> Any:
    """The value with null for NaN and infinity, which JSON cannot hold."""
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {key: _finite(one) for key, one in value.items()}
    return [_finite(one) for one in value] if isinstance(value, (list, tuple)) else value


def print_table(columns: Sequence[str], rows: Iterable[Sequence[Any]], *, title: str = "") -> None:
    """Print a table. Names and values are data: markup is not interpreted, control characters are only shown.

    In a file or a pipe each row is one line, as wide as it needs. On a narrow terminal long texts wrap between
    words; names, numbers and paths stay whole, so the table may be wider than the terminal.
    """
    rows, columns = list(rows), [escaped(name) for name in columns]
    cells = [[cell(value) for value in row] for row in rows]
    console = Console()
    widths = [_widths(name, [row[index] for row in cells]) for index, name in enumerate(columns)]
    if sys.stdout.isatty():
        chosen = _fitted(widths, console.width - _frame(len(columns)))
    else:
        chosen = [width.whole for width in widths]
    table = Table(box=box.SIMPLE_HEAD)
    for index, (name, width) in enumerate(zip(columns, chosen, strict=True)):
        numeric = bool(rows) and all(isinstance(row[index], (int, float)) or row[index] is None for row in rows)
        table.add_column(Text(name), justify="right" if numeric else "left", overflow="fold", width=width)
    for line in cells:
        table.add_row(*map(Text, line))
    console.width = sum(chosen) + _frame(len(columns))
    if title:
        console.print(Text(title, style="bold"), soft_wrap=True)
    console.print(table)


class _Widths(NamedTuple):
    """A column's width without wrapping, and its least width with nothing split."""

    whole: int
    least: int


def _widths(name: str, cells: Sequence[str]) -> _Widths:
    whole = max(map(cell_len, [name, *cells]))
    least = max((cell_len(part) for text in cells for part in _parts(text)), default=0)
    return _Widths(max(whole, 1), max(least, *map(cell_len, name.split() or [name]), 1))


def _parts(text: str) -> list[str]:
    """The parts that must not be split: a short text or a path as a whole, otherwise each word."""
    is_path = text.startswith(("/", "./", "~/")) or "://" in text
    return [text] if is_path or cell_len(text) <= _SHORT else text.split()


def _fitted(widths: Sequence[_Widths], room: int) -> list[int]:
    """Shrink the widest columns until all fit, none below its least width."""
    chosen = [width.whole for width in widths]
    while sum(chosen) > room:
        spare = [index for index, width in enumerate(widths) if chosen[index] > width.least]
        if not spare:
            break
        widest = max(spare, key=lambda index: chosen[index])
        chosen[widest] -= 1
    return chosen


def _frame(columns: int) -> int:
    """The blanks around the cells, and the edges of the box."""
    return 3 * columns + 1


def cell(value: Any) -> str:
    """One value as a table shows it, on one line: control characters and line breaks as JSON writes them."""
    if value is None:
        return "NULL"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int):
        return f"{value:,}"
    if isinstance(value, (list, dict)):
        return escaped(json.dumps(value, ensure_ascii=False, default=_plain))
    return escaped(value) if isinstance(value, str) else str(_plain(value))


def _plain(value: Any) -> Any:
    """Types that JSON lacks: times as ISO 8601 in UTC, bytes as hexadecimal digits."""
    if isinstance(value, datetime):
        # pyspark returns naive times in this machine's zone
        return value.astimezone(UTC).replace(tzinfo=None).isoformat(sep=" ") + "Z"
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, (bytes, bytearray)):
        return value.hex()
    return str(value)


def in_units(size: int) -> str:
    """Bytes in readable units, in steps of 1,000 and with at least two digits."""
    value, unit = float(size), 0
    while value >= 1000 and unit < len(_UNITS) - 1:
        value, unit = value / 1000, unit + 1
    if not unit:
        return f"{size} B"
    return f"{value:.1f} {_UNITS[unit]}" if value < 10 else f"{value:,.0f} {_UNITS[unit]}"
