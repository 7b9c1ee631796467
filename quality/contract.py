"""What lakehouse/tables/ declares of a table, as expectations."""

import re
from collections.abc import Callable
from typing import Any

import great_expectations.expectations as gxe
from great_expectations.expectations.expectation import Expectation
from great_expectations.expectations.row_conditions import Column

from lakehouse.errors import CheckNotRunError
from lakehouse.tables import Table
from quality.expectations import (
    ExpectColumnItemCountsToBeAtLeast,
    ExpectRowsToMeetCondition,
    ExpectTableTypesToEqual,
)
from quality.subject import Subject

NOT_BLANK = "[^ ]"


def contract(subject: Subject) -> list[Expectation]:
    """Row count, columns and types, key, columns that are never null, and CHECK constraints."""
    table = subject.table
    return [
        row_count(subject),
        ExpectTableTypesToEqual(types={field.name: field.dataType.simpleString() for field in table.schema}),
        *[gxe.ExpectColumnValuesToNotBeNull(column=field.name) for field in table.schema if not field.nullable],
        _unique(table.key),
        *[constraint(table, name) for name in table.checks],
    ]


def row_count(subject: Subject) -> Expectation:
    """As many rows as the last accepted version, within the limits."""
    before, limits = subject.before, subject.limits
    if before is None or before.rows < limits.min_rows:
        notes = "no earlier run to compare with" if before is None else f"too few rows before: {before.rows}"
        return gxe.ExpectTableRowCountToBeBetween(min_value=1, notes=notes)
    return gxe.ExpectTableRowCountToBeBetween(
        min_value=round(before.rows * limits.min_rows_ratio),
        max_value=round(before.rows * limits.max_rows_ratio),
        notes=f"version {before.version} has {before.rows:,}",
    )


def constraint(table: Table, name: str) -> Expectation:
    """The expectation for a CHECK constraint. Raises CheckNotRunError for a form that is not known here."""
    condition = table.checks[name]
    for form, expectation in _FORMS.items():
        match = re.fullmatch(form, condition)
        if match:
            made: Expectation = expectation(*match.groups())
            return made
    raise CheckNotRunError(
        f"no expectation for the constraint {name} of {table.sql_name}: {condition}",
        todo="add its form to quality/contract.py",
    )


def _unique(key: tuple[str, ...]) -> Expectation:
    if len(key) == 1:
        return gxe.ExpectColumnValuesToBeUnique(column=key[0])
    return gxe.ExpectCompoundColumnsToBeUnique(column_list=list(key))


def _sum(total: str, parts: str) -> Expectation:
    columns = [total, *parts.split(" + ")]
    return ExpectRowsToMeetCondition(column_list=columns, condition=f"{total} == {parts}")


def _one_of(column: str, listed: str) -> Expectation:
    return gxe.ExpectColumnValuesToBeInSet(column=column, value_set=_texts(listed))


def _required_unless(column: str, listed: str, required: str) -> Expectation:
    others = Column(column).is_not_in(_texts(listed))
    return gxe.ExpectColumnValuesToNotBeNull(column=required, row_condition=others)


def _between(column: str, low: str, high: str | None = None) -> Expectation:
    return gxe.ExpectColumnValuesToBeBetween(
        column=column, min_value=float(low), max_value=None if high is None else float(high)
    )


def _above(column: str, low: str) -> Expectation:
    return gxe.ExpectColumnValuesToBeBetween(column=column, min_value=float(low), strict_min=True)


def _texts(listed: str) -> list[str]:
    return re.findall(r"'([^']*)'", listed)


# The forms of the constraints in lakehouse/tables/. A null value satisfies a CHECK constraint, as it does GX.
_OR_NULL = r"(?:\w+ IS NULL OR )?"
_FORMS: dict[str, Callable[..., Any]] = {
    r"length\(trim\((\w+)\)\) > 0": lambda column: gxe.ExpectColumnValuesToMatchRegex(
        column=column, regex=NOT_BLANK
    ),
    r"cardinality\((\w+)\) > 0": lambda column: ExpectColumnItemCountsToBeAtLeast(column=column, min_value=1),
    r"(\w+) IN \((.+?)\)": _one_of,
    r"(\w+) IN \((.+?)\) OR (\w+) IS NOT NULL": _required_unless,
    _OR_NULL + r"`?(\w+)`? >= ([\d.]+)": _between,
    _OR_NULL + r"`?(\w+)`? > ([\d.]+)": _above,
    _OR_NULL + r"(\w+) BETWEEN ([\d.]+) AND ([\d.]+)": _between,
    r"(\w+) = (\w+(?: \+ \w+)+)": _sum,
}
