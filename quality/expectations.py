"""The parts of a suite: expectations about one table, each measured by one number and judged by its bounds."""

from collections.abc import Collection
from typing import Literal, NamedTuple

from pyspark.sql import DataFrame

from lakehouse.history.acceptance import ROW_COUNT
from lakehouse.spark.sql import identifier, text_literal
from lakehouse.tables import Table
from quality import facts
from quality.subject import Subject

# The unit of a measurement: rows that break the expectation, their share of the judged rows, a value of its own,
# or the distance between a distribution and the previous one.
Unit = Literal["rows", "share", "value", "drift"]


class Expectation(NamedTuple):
    """`measure` is a SQL aggregate over the suite's rows; `fact`, if there is one, is a frame with its value.

    `judged` is the SQL aggregate for the number of rows to judge: none is an error, and fewer than `enough` prove
    nothing. `low` and `high` are the inclusive bounds. If nothing could be measured, the expectation holds only if
    `absent` gives a reason.
    """

    name: str
    column: str = ""
    measure: str = "0"
    fact: DataFrame | None = None
    judged: str = "count(*)"
    enough: int = 1
    low: float | None = None
    high: float | None = 0.0
    unit: Unit = "rows"
    remark: str = ""
    absent: str = ""


class Suite(NamedTuple):
    """The rows, with columns that describe each row's context, and the expectations."""

    rows: DataFrame
    expectations: tuple[Expectation, ...]


def contract(subject: Subject) -> tuple[Expectation, ...]:
    """What lakehouse/tables declares: columns and types, the key, non-null columns, sets and ranges."""
    table = subject.table
    required = [field.name for field in table.schema if not field.nullable]
    return (
        row_count(subject),
        types(subject),
        *[not_null(name) for name in required],
        unique(subject.rows, table.key),
        *[holds("", f"constraint {name}", condition) for name, condition in table.checks.items()],
    )


def row_count(subject: Subject) -> Expectation:
    """As many rows as the last accepted version, within the limits."""
    before, limits = subject.before, subject.limits
    if before is None or before.rows < limits.min_rows:
        remark = "no run before to compare with" if before is None else f"too few rows before: {before.rows}"
        return Expectation(ROW_COUNT, measure="count(*)", low=1, high=None, unit="value", remark=remark)
    return Expectation(
        ROW_COUNT,
        measure="count(*)",
        low=float(round(before.rows * limits.min_rows_ratio)),
        high=float(round(before.rows * limits.max_rows_ratio)),
        unit="value",
        remark=f"version {before.version} has {before.rows:,}",
    )


def types(subject: Subject) -> Expectation:
    """The columns and their types; needs no read of the rows."""
    differences = subject.differences()
    remark = "; ".join(differences)
    return Expectation(
        "columns and types of the contract", measure=str(len(differences)), remark=remark, unit="value"
    )


def unique(rows: DataFrame, key: tuple[str, ...]) -> Expectation:
    return Expectation("is unique", ", ".join(key), fact=facts.repeated_keys(rows, key))


def not_null(column: str) -> Expectation:
    return Expectation("is not null", column, measure=f"count_if({identifier(column)} IS NULL)")


def has_values(column: str) -> Expectation:
    """An optional column is in use: without a single value the expectation cannot be judged."""
    count = f"count({identifier(column)})"
    return Expectation("has values", column, measure=count, judged=count, low=1, high=None, unit="value")


def one_of(column: str, values: Collection[str]) -> Expectation:
    listed = ", ".join(text_literal(value) for value in values)
    return where_present(column, "is one of the known values", f"{identifier(column)} IN ({listed})")


def between(column: str, low: str, high: str) -> Expectation:
    """`low` and `high` are SQL: numbers, dates, or other columns."""
    return where_present(column, f"is between {low} and {high}", f"{identifier(column)} BETWEEN {low} AND {high}")


def matches(column: str, pattern: str) -> Expectation:
    return where_present(column, f"matches {pattern}", f"{identifier(column)} RLIKE {text_literal(pattern)}")


def where_present(column: str, name: str, condition: str) -> Expectation:
    """A SQL condition on the values of an optional column; a null result for a value counts as broken."""
    present = f"{identifier(column)} IS NOT NULL"
    broken = f"count_if({present} AND NOT coalesce({condition}, false))"
    return Expectation(name, column, measure=broken, judged=f"count_if({present})")


def holds(column: str, name: str, condition: str) -> Expectation:
    """A SQL condition that every row meets; null counts as broken."""
    return Expectation(name, column, measure=f"count_if(NOT coalesce({condition}, false))")


def references(rows: DataFrame, column: str, ids: DataFrame, *, to: Table) -> Expectation:
    return Expectation(f"is in {to.sql_name}", column, fact=facts.unknown(rows, column, ids))


def mostly_references(
    rows: DataFrame, column: str, ids: DataFrame, *, to: Table, at_most: float, enough: int
) -> Expectation:
    """At most this share of rows has a reference to a missing id."""
    return references(rows, column, ids, to=to)._replace(
        name=f"is mostly in {to.sql_name}", unit="share", high=at_most, enough=enough
    )


def as_before(subject: Subject, column: str, *, values: str, judged: str) -> Expectation:
    """The distribution of `values` is close to that of the last accepted version; `judged` counts the values."""
    limits, before = subject.limits, subject.before
    comparable = before is not None and bool(before.shares.get(column))
    return Expectation(
        "is distributed as before",
        column,
        fact=facts.counts_by_value(subject.rows, values),
        judged=judged,
        enough=limits.min_rows,
        high=limits.max_drift,
        unit="drift",
        remark=f"against version {before.version}" if before and comparable else "",
        absent="" if comparable else "no run before to compare with",
    )


def fresh(subject: Subject) -> tuple[Expectation, ...]:
    """The latest version was written recently; for an older version its age says nothing."""
    if subject.age_hours is None:
        return ()
    name, high = "was written lately, in hours", subject.limits.max_age_hours
    return (Expectation(name, measure=f"{subject.age_hours:.2f}D", high=high, unit="value"),)
