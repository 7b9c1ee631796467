"""The results of a check, one row per expectation."""

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, NamedTuple

from lakehouse.history.acceptance import ROW_COUNT
from lakehouse.sent import NOTHING_DECLARED, Sent

if TYPE_CHECKING:  # it takes seconds to load
    from great_expectations.core.expectation_validation_result import ExpectationSuiteValidationResult


class ExpectationResult(NamedTuple):
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


class CheckedTable(NamedTuple):
    """One table at one version, with all its results, and what Great Expectations returned if it ran."""

    table_name: str
    version: int
    results: tuple[ExpectationResult, ...]
    validation: "ExpectationSuiteValidationResult | None" = None

    @property
    def failed(self) -> tuple[ExpectationResult, ...]:
        return tuple(result for result in self.results if not result.success and result.error is None)

    @property
    def errors(self) -> tuple[ExpectationResult, ...]:
        return tuple(result for result in self.results if result.error is not None)

    @property
    def success(self) -> bool:
        return all(result.success for result in self.results)


class CheckRun(NamedTuple):
    """All tables of one check."""

    run_id: str
    checked_at: datetime
    tables: tuple[CheckedTable, ...]

    @property
    def failed(self) -> list[ExpectationResult]:
        return [result for table in self.tables for result in table.failed]

    @property
    def errors(self) -> list[ExpectationResult]:
        return [result for table in self.tables for result in table.errors]

    @property
    def exit_code(self) -> int:
        """2 if anything could not be judged, 1 if an expectation failed, 0 if everything passed."""
        return 2 if self.errors else 1 if self.failed else 0


def empty_result(
    table_name: str, version: int, *, may_be_empty: Collection[str], sent: Sent = NOTHING_DECLARED
) -> ExpectationResult:
    """A table without rows passes only if the settings allow it, or if no source has rows for it."""
    allowed = table_name in may_be_empty or sent.lacks_table(table_name)
    error = None if allowed else "the table is empty: nothing could be checked (quality.may_be_empty allows it)"
    expected = "may be empty" if allowed else "at least 1"
    return ExpectationResult(table_name, version, ROW_COUNT, "", allowed, "0", expected, error=error)


def error_result(table_name: str, version: int, error: str) -> ExpectationResult:
    return ExpectationResult(table_name, version, "can be checked", "", False, None, "no error", error=error)


def ordered(results: Sequence[ExpectationResult]) -> list[ExpectationResult]:
    """Problems first: errors, failures, then the rest in suite order."""
    return sorted(results, key=lambda result: (result.error is None, result.success))
