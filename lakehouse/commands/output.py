"""How commands print: tables for people, JSON for programs."""

import json
from collections.abc import Iterable, Sequence
from datetime import UTC, date, datetime
from typing import Any

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text


def print_json(value: Any) -> None:
    print(json.dumps(value, ensure_ascii=False, indent=2, default=_plain))


def print_table(columns: Sequence[str], rows: Iterable[Sequence[Any]], *, title: str = "") -> None:
    """A table; cell values are data, so nothing in them is read as markup."""
    table = Table(title=title or None, box=box.SIMPLE_HEAD, title_justify="left", title_style="bold")
    rows = list(rows)
    for index, name in enumerate(columns):
        numeric = bool(rows) and all(isinstance(row[index], (int, float)) or row[index] is None for row in rows)
        table.add_column(Text(name), justify="right" if numeric else "left", overflow="fold")
    for row in rows:
        table.add_row(*[Text(cell(value)) for value in row])
    Console().print(table)


def cell(value: Any) -> str:
    """One value as a table shows it."""
    if value is None:
        return "NULL"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int):
        return f"{value:,}"
    if isinstance(value, (list, dict)):
        return json.dumps(value, ensure_ascii=False, default=_plain)
    return value if isinstance(value, str) else str(_plain(value))


def _plain(value: Any) -> Any:
    """What JSON has no type for: times as ISO 8601 in UTC, bytes as hexadecimal digits."""
    if isinstance(value, datetime):
        # pyspark gives times in this machine's zone, without saying so
        return value.astimezone(UTC).replace(tzinfo=None).isoformat(sep=" ") + "Z"
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, (bytes, bytearray)):
        return value.hex()
    return str(value)
