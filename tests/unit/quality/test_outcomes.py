"""What a validation result means: what could not be judged is an error, never a failure and never a pass."""

from datetime import UTC, datetime
from typing import Any

import great_expectations as gx
import great_expectations.expectations as gxe
import pandas as pd
import pytest
from great_expectations.expectations.row_conditions import Column

from lakehouse.sent import NOTHING_DECLARED, Sent
from lakehouse.tables import SILVER_FEEDBACK
from quality import validation
from quality.batches import profile
from quality.expectations import ExpectVersionToBeRecent
from quality.outcomes import Allowed, results_of
from quality.results import CheckedTable, CheckRun, ExpectationResult, empty_result


def validated(rows: dict[str, list[Any]], *expectations: Any) -> Any:
    suite = gx.ExpectationSuite(name="silver.t", expectations=list(expectations))
    return validation.validate(pd.DataFrame(rows), suite, SILVER_FEEDBACK, samples=2)


def judged(
    rows: dict[str, list[Any]],
    *expectations: Any,
    may_be_null: tuple[str, ...] = (),
    sent: Sent = NOTHING_DECLARED,
) -> list[ExpectationResult]:
    found = validated(rows, *expectations)
    return list(results_of(found, "silver.t", 3, profile(pd.DataFrame(rows)), Allowed(may_be_null, sent)))


IN_SET = gxe.ExpectColumnValuesToBeInSet(column="c", value_set=["a"])


def test_values_that_fail_are_counted_and_results_keep_the_order_of_the_suite() -> None:
    passes, fails = judged({"c": ["a", "b", None]}, gxe.ExpectTableRowCountToBeBetween(min_value=3), IN_SET)
    assert (passes.expectation, passes.success, passes.observed) == (
        "expect_table_row_count_to_be_between",
        True,
        "3",
    )
    assert (fails.success, fails.error, fails.observed, fails.unexpected_rows) == (False, None, "1", 1)
    assert fails.line() == (
        "silver.t version 3: c expect_column_values_to_be_in_set: 1 (expected 0 (value_set ['a']))"
    )


def test_mostly_shows_shares() -> None:
    (found,) = judged(
        {"c": ["a", "b", "b", "b"]}, gxe.ExpectColumnValuesToBeInSet(column="c", value_set=["a"], mostly=0.5)
    )
    assert (found.success, found.observed, found.expected) == (False, "0.75", "at most 0.5 (value_set ['a'])")


@pytest.mark.parametrize(
    ("expectation", "success", "observed"),
    [
        (gxe.ExpectColumnDistinctValuesToBeInSet(column="c", value_set=["a", "b"]), True, "0"),
        (gxe.ExpectColumnDistinctValuesToBeInSet(column="c", value_set=["a"]), False, "1"),
        (gxe.ExpectColumnDistinctValuesToContainSet(column="c", value_set=["a", "x", "y"]), False, "2"),
        (gxe.ExpectColumnDistinctValuesToEqualSet(column="c", value_set=["a", "x"]), False, "2"),
    ],
)
def test_distinct_values_that_are_wrong_are_counted(expectation: Any, success: bool, observed: str) -> None:
    """Great Expectations says that it observed None, and counts."""
    (found,) = judged({"c": ["a", "b", "b"]}, expectation)
    assert (found.success, found.observed, found.error) == (success, observed, None)


def test_a_version_older_than_the_limit_fails() -> None:
    old, recent = judged(
        {"c": ["a"]},
        ExpectVersionToBeRecent(age_hours=5, max_hours=4),
        ExpectVersionToBeRecent(age_hours=4, max_hours=4),
    )
    assert (old.success, old.observed, old.error) == (False, "5", None)
    assert recent.success


def test_no_value_at_all_is_an_error_although_great_expectations_passes_it() -> None:
    rows = {"c": [None, None], "d": ["a", "a"]}
    assert validated(rows, IN_SET).success
    (found,) = judged(rows, IN_SET)
    assert not found.success
    assert found.error == "no value in any row: nothing could be checked (quality.may_be_null allows silver.t.c)"


def test_no_value_passes_where_the_settings_or_the_sources_say_so() -> None:
    rows = {"c": [None, None]}
    (allowed,) = judged(rows, IN_SET, may_be_null=("silver.t.c",))
    assert (allowed.success, allowed.observed) == (True, "no value, as the settings allow")
    (unsent,) = judged(rows, IN_SET, sent=Sent(frozenset({"silver.t.other"})))
    assert (unsent.success, unsent.observed) == (True, "no value, as no source sends any")
    (sent,) = judged(rows, IN_SET, sent=Sent(frozenset({"silver.t.c"})))
    assert not sent.success
    # an existing value is still judged
    (wrong,) = judged({"c": ["b", None]}, IN_SET, may_be_null=("silver.t.c",))
    assert (wrong.success, wrong.error) == (False, None)


def test_an_expectation_about_nulls_is_judged_on_a_column_of_nulls() -> None:
    null, filled = judged(
        {"c": [None, None]},
        gxe.ExpectColumnValuesToBeNull(column="c"),
        gxe.ExpectColumnValuesToNotBeNull(column="c"),
    )
    assert (null.success, filled.success, filled.error) == (True, False, None)


def test_a_statistic_of_no_values_is_an_error() -> None:
    (found,) = judged({"n": [None, None]}, gxe.ExpectColumnMeanToBeBetween(column="n", min_value=0))
    assert found.error is not None
    assert found.error.startswith("no value in any row")


def test_a_condition_on_rows_is_part_of_the_name_and_may_match_none() -> None:
    rows = {"c": ["a", None], "kind": ["x", "y"]}
    only_x, only_z = judged(
        rows,
        gxe.ExpectColumnValuesToNotBeNull(column="c", row_condition=Column("kind") == "x"),
        gxe.ExpectColumnValuesToNotBeNull(column="c", row_condition=Column("kind") == "z"),
    )
    assert only_x.expectation == "expect_column_values_to_not_be_null where kind == x"
    assert (only_x.success, only_z.success, only_z.observed) == (True, True, "0")


@pytest.mark.parametrize(
    "expectation",
    [
        gxe.ExpectColumnValuesToBeInSet(column="no such column", value_set=["a"]),
        gxe.ExpectColumnValuesToBeBetween(column="c", min_value=1),  # text is not compared with a number
    ],
)
def test_what_great_expectations_could_not_judge_is_an_error(expectation: Any) -> None:
    fine, raised = judged({"c": ["a", "a"]}, IN_SET, expectation)
    assert fine.success
    assert raised.error is not None
    assert raised.error.startswith("Great Expectations could not judge it: ")
    assert "\n" not in raised.error


def test_the_validation_result_says_the_same_as_the_results() -> None:
    """Otherwise its JSON and its page would show a pass where the check is an error."""
    rows = {"c": [None, None]}
    found = validated(rows, gxe.ExpectTableRowCountToBeBetween(min_value=1), IN_SET)
    results_of(found, "silver.t", 3, profile(pd.DataFrame(rows)), Allowed(()))
    written = found.to_json_dict()
    assert (written["success"], written["statistics"]["successful_expectations"]) == (False, 1)
    assert written["results"][1]["exception_info"]["exception_message"].startswith("no value in any row")


def test_an_empty_table_is_fine_where_no_source_has_rows() -> None:
    catalogue = Sent(frozenset({"silver.content.titulo"}))
    assert empty_result("silver.users", 0, may_be_empty=(), sent=catalogue).success
    assert not empty_result("silver.content", 0, may_be_empty=(), sent=catalogue).success
    assert empty_result("silver.content", 0, may_be_empty=("silver.content",), sent=catalogue).success


def test_an_error_outweighs_a_failure() -> None:
    (fine,) = judged({"c": ["a"]}, IN_SET)
    (failed,) = judged({"c": ["b"]}, IN_SET)
    (error,) = judged({"c": [None]}, IN_SET)

    def code(*results: ExpectationResult) -> int:
        return CheckRun("r", datetime(2026, 1, 1, tzinfo=UTC), (CheckedTable("silver.t", 3, results),)).exit_code

    assert [code(fine), code(fine, failed), code(failed, error)] == [0, 1, 2]
