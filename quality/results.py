"""The results of a check, one row per expectation."""

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import NamedTuple

from lakehouse.history.acceptance import ROW_COUNT
from lakehouse.sent import NOTHING_TOLD, Sent
from quality.expectations import Expectation
from quality.measuring import Judgement, Measured


class Result(NamedTuple):
    """A row of quality.results, without run and time."""

    table_name: str
    version: int
    expectation: str
    column: str
    success: bool
    observed: str | None
    expected: str
    unexpected_rows: int | None = None
    error: str | None = None
    shares: dict[str, float] | None = None

    def line(self) -> str:
        """The problem in one line, for a person."""
        what = f"{self.table_name} version {self.version}: {f'{self.column} {self.expectation}'.strip()}"
        return f"{what}: {self.error}" if self.error else f"{what}: {self.observed} (expected {self.expected})"


class Checked(NamedTuple):
    """One table at one version, with all its results."""

    table_name: str
    version: int
    results: tuple[Result, ...]

    @property
    def failed(self) -> tuple[Result, ...]:
        return tuple(result for result in self.results if not result.success and result.error is None)

    @property
    def errors(self) -> tuple[Result, ...]:
        return tuple(result for result in self.results if result.error is not None)

    @property
    def success(self) -> bool:
        return all(result.success for result in self.results)


class Run(NamedTuple):
    """All tables of one check."""

    run_id: str
    checked_at: datetime
    tables: tuple[Checked, ...]

    @property
    def failed(self) -> list[Result]:
        return [result for table in self.tables for result in table.failed]

    @property
    def errors(self) -> list[Result]:
        return [result for table in self.tables for result in table.errors]

    @property
    def exit_code(self) -> int:
        """2 if anything could not be judged, 1 if an expectation failed, 0 if everything passed."""
        return 2 if self.errors else 1 if self.failed else 0


def empty_result(
    table_name: str, version: int, *, may_be_empty: Collection[str], sent: Sent = NOTHING_TOLD
) -> Result:
    """A table without rows passes only if the settings allow it, or if no source has rows for it."""
    allowed = table_name in may_be_empty or sent.lacks_table(table_name)
    error = None if allowed else "the table is empty: nothing could be checked (quality.may_be_empty allows it)"
    expected = "may be empty" if allowed else "at least 1"
    return Result(table_name, version, ROW_COUNT, "", allowed, "0", expected, error=error)


def error_result(table_name: str, version: int, error: str) -> Result:
    return Result(table_name, version, "can be checked", "", False, None, "no error", error=error)


def result_of(
    table_name: str,
    version: int,
    found: Measured,
    judged: Judgement,
    *,
    may_be_null: Collection[str],
    sent: Sent = NOTHING_TOLD,
) -> Result:
    """The result of one expectation; if there was nothing to judge, the settings and the sources decide."""
    one = found.expectation
    column = f"{table_name}.{one.column}"
    result = Result(
        table_name,
        version,
        one.name,
        one.column,
        judged.success,
        _observed(found),
        _expected(one),
        found.rows,
        judged.error,
        found.shares,
    )
    if found.judged == 0:
        if column in may_be_null:
            return result._replace(success=True, error=None, observed="no value, as the settings allow")
        if sent.lacks_column(column):
            return result._replace(success=True, error=None, observed="no value, as no source sends any")
        problem = f"no value in any row: nothing could be checked (quality.may_be_null allows {column})"
        return result._replace(success=False, error=problem, observed=None)
    if found.judged < one.enough and judged.error is None:
        return result._replace(success=True, observed=f"{found.judged} rows, too few to judge")
    return result


def _observed(found: Measured) -> str | None:
    one = found.expectation
    if found.value is None:
        return one.absent or None
    text = _text(found.value)
    return text if one.name == ROW_COUNT or not one.remark else f"{text} ({one.remark})"


def _expected(one: Expectation) -> str:
    if one.low is None:
        text = _text(one.high) if one.high == 0 else f"at most {_text(one.high)}"
    elif one.high is None:
        text = f"at least {_text(one.low)}"
    else:
        text = f"{_text(one.low)} to {_text(one.high)}"
    return f"{text} ({one.remark})" if one.name == ROW_COUNT and one.remark else text


def _text(value: float | None) -> str:
    if value is None:
        return "any"
    return str(int(value)) if float(value).is_integer() else f"{value:.4g}"


def ordered(results: Sequence[Result]) -> list[Result]:
    """Problems first: errors, failures, then the rest in suite order."""
    return sorted(results, key=lambda result: (result.error is None, result.success))
