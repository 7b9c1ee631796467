"""The result of a statement, and how it is printed."""

import csv
import sys
from collections.abc import Callable, Mapping, Sequence
from datetime import date, datetime
from types import MappingProxyType
from typing import Any, NamedTuple

from operations.output import cell, print_json, print_table


class QueryResult(NamedTuple):
    """The first rows of a result. `is_cut` says that there are more."""

    columns: Sequence[str]
    rows: Sequence[Sequence[Any]]
    is_cut: bool


def _print_as_table(result: QueryResult) -> None:
    print_table(result.columns, result.rows)


def _print_as_json(result: QueryResult) -> None:
    print_json([dict(zip(result.columns, row, strict=True)) for row in result.rows])


def _print_as_csv(result: QueryResult) -> None:
    """NULL is an empty field. Arrays and structures are JSON, times are UTC."""
    writer = csv.writer(sys.stdout, lineterminator="\n")
    writer.writerow(result.columns)
    writer.writerows([[_field(value) for value in row] for row in result.rows])


def _field(value: Any) -> Any:
    """Numbers and texts as they are, everything else as a table shows it."""
    if value is None:
        return ""
    as_shown = isinstance(value, (bool, list, dict, date, datetime, bytes, bytearray))
    return cell(value) if as_shown else value


FORMATS: Mapping[str, Callable[[QueryResult], None]] = MappingProxyType(
    {"table": _print_as_table, "json": _print_as_json, "csv": _print_as_csv}
)


def show(result: QueryResult, form: str) -> None:
    """Print the result in this format. Programs that read JSON or CSV get nothing else on stdout."""
    FORMATS[form](result)
    if result.is_cut:
        more = f"the first {len(result.rows)} rows; --limit shows more"
        print(more, file=sys.stdout if form == "table" else sys.stderr)
