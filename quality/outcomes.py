"""What a validation result means here: passed, failed, or not judged, which is never a pass."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

from great_expectations.core.expectation_validation_result import (
    ExpectationSuiteValidationResult,
    ExpectationValidationResult,
)

from lakehouse.errors import first_line
from lakehouse.sent import NOTHING_DECLARED, Sent
from quality.batches import Profile
from quality.results import ExpectationResult

# Their verdict says something although every value is null.
_ABOUT_NULLS = ("expect_column_values_to_not_be_null", "expect_column_values_to_be_null")
# Arguments that say which rows or columns are judged, or how they are shown; the others are what is expected.
_NOT_EXPECTED = {"batch_id", "column", "column_list", "column_A", "column_B", "columns", "mostly", "row_condition"}
_NOT_EXPECTED |= {"condition_parser", "ignore_row_if", "root", "at_version", "versions", "partition_object"}
_NOT_EXPECTED |= {"age_hours", "unaccepted"}
_LONGEST, _WHOLE = 80, 1e15


@dataclass(frozen=True)
class Allowed:
    """What may be absent: columns that may be all null by the settings, and those that no source sends."""

    may_be_null: Collection[str]
    sent: Sent = NOTHING_DECLARED


def results_of(
    validation: ExpectationSuiteValidationResult,
    table_name: str,
    version: int,
    profile: Profile,
    allowed: Allowed,
) -> tuple[ExpectationResult, ...]:
    """One result per expectation. Where it differs from Great Expectations' own verdict, that is corrected too.

    Great Expectations passes an expectation on a column without a single value.
    """
    results = tuple(_result(one, table_name, version, profile, allowed) for one in validation.results)
    for one, result in zip(validation.results, results, strict=True):
        if result.error is not None and one.success:
            one.exception_info = {
                "raised_exception": True,
                "exception_message": result.error,
                "exception_traceback": "",  # the page of Data Docs cannot show None
            }
        one.success = result.success
    count_again(validation)
    return results


def count_again(validation: ExpectationSuiteValidationResult) -> None:
    """Set the statistics and the success of a validation result whose results have changed."""
    number, passed = len(validation.results), sum(bool(one.success) for one in validation.results)
    validation.success = passed == number
    validation.statistics = {
        "evaluated_expectations": number,
        "successful_expectations": passed,
        "unsuccessful_expectations": number - passed,
        "success_percent": 100 * passed / number if number else None,
    }


def _result(
    one: ExpectationValidationResult, table_name: str, version: int, profile: Profile, allowed: Allowed
) -> ExpectationResult:
    written: Any = one.to_json_dict()
    config, measured = written["expectation_config"], written["result"]
    kwargs, kind = config["kwargs"], config["type"]
    columns = columns_of(kwargs)
    result = ExpectationResult(
        table_name,
        version,
        kind + _condition(kwargs.get("row_condition")),
        ", ".join(columns),
        bool(written["success"]),
        _observed(measured, kwargs),
        _expected(measured, kwargs, config.get("notes")),
        measured.get("unexpected_count"),
        shares=measured.get("details", {}).get("shares"),
    )
    raised = _raised(written["exception_info"])
    if raised:
        return _not_judged(result, f"Great Expectations could not judge it: {raised}")
    empty = [name for name in columns if profile.values.get(name) == 0] if kind not in _ABOUT_NULLS else []
    nothing = "observed_value" in measured and result.observed is None
    return _without_values(result, empty or list(columns), allowed) if empty or nothing else result


def _without_values(result: ExpectationResult, columns: list[str], allowed: Allowed) -> ExpectationResult:
    """The settings and the sources decide whether a column may be without values."""
    names = [f"{result.table_name}.{column}" for column in columns]
    if names and all(name in allowed.may_be_null for name in names):
        return result._replace(success=True, observed="no value, as the settings allow")
    if names and all(allowed.sent.lacks_column(name) for name in names):
        return result._replace(success=True, observed="no value, as no source sends any")
    hint = f" (quality.may_be_null allows {', '.join(names)})" if names else ""
    return _not_judged(result, f"no value in any row: nothing could be checked{hint}")


def _not_judged(result: ExpectationResult, why: str) -> ExpectationResult:
    return result._replace(success=False, observed=None, error=why)


def columns_of(kwargs: Mapping[str, Any]) -> tuple[str, ...]:
    if "column" in kwargs:
        return (str(kwargs["column"]),)
    pair = tuple(str(kwargs[name]) for name in ("column_A", "column_B") if name in kwargs)
    return pair or tuple(kwargs.get("column_list") or kwargs.get("columns") or ())


def _condition(condition: Any) -> str:
    """Which rows are judged, if not all."""
    if not condition:
        return ""
    if isinstance(condition, dict) and condition.get("type") == "comparison":
        condition = f"{condition['column']['name']} {condition['operator']} {_text(condition['parameter'])}"
    return f" where {_text(condition)}"


def _observed(measured: Mapping[str, Any], kwargs: Mapping[str, Any]) -> str | None:
    if "observed_value" in measured:
        return _observed_value(measured)
    if "unexpected_count" not in measured:
        return None
    count = measured["unexpected_count"]
    if not _may_differ(kwargs):
        return str(count)
    judged = measured["element_count"] - measured.get("missing_count", 0)
    return _text(count / judged) if judged else str(count)


def _observed_value(measured: Mapping[str, Any]) -> str | None:
    """None if nothing was observed. Expectations on sets of distinct values only count those that are wrong."""
    if measured["observed_value"] is not None:
        return _text(measured["observed_value"])
    counts = [measured[name] for name in ("unexpected_count", "missing_count") if name in measured]
    return str(sum(counts)) if counts else None


def _expected(measured: Mapping[str, Any], kwargs: Mapping[str, Any], notes: Any) -> str:
    """How many values may be unexpected, and the arguments of the expectation."""
    wanted = "; ".join(f"{name} {_text(value)}" for name, value in kwargs.items() if name not in _NOT_EXPECTED)
    detail = "; ".join(part for part in (wanted, _text(notes or "")) if part)
    if "observed_value" in measured:
        return detail or "nothing unexpected"
    limit = f"at most {_text(1 - kwargs['mostly'])}" if _may_differ(kwargs) else "0"
    return f"{limit} ({detail})" if detail else limit


def _may_differ(kwargs: Mapping[str, Any]) -> bool:
    return float(kwargs.get("mostly", 1)) < 1


def _text(value: Any) -> str:
    if isinstance(value, float):
        return str(int(value)) if value.is_integer() and abs(value) < _WHOLE else f"{value:.4g}"
    text = str(value)
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}..."


def _raised(info: Mapping[str, Any]) -> str:
    """What Great Expectations or an engine raised; it notes one exception, or one for each metric."""
    details = [info] if "raised_exception" in info else list(info.values())
    messages = [str(detail["exception_message"]) for detail in details if detail.get("raised_exception")]
    return first_line(Exception(messages[0])) if messages else ""
