"""Great Expectations judges numbers; what it cannot judge is an error, never a pass."""

from datetime import UTC, datetime
from typing import Any

import pytest

from lakehouse.sent import NOTHING_TOLD, Sent
from quality.expectations import Expectation
from quality.loading import load_judging
from quality.measuring import Judgement, Measured
from quality.results import Checked, Result, Run, empty_result, result_of

judge = load_judging().judge


def found(value: float | None, *, judged: int = 10, **bounds: float | None) -> Measured:
    return Measured(Expectation("is well", "c", **bounds), value, judged)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("value", "low", "high", "passes"),
    [
        (0.0, None, 0.0, True),
        (1.0, None, 0.0, False),
        (0.25, None, 0.25, True),  # bounds are inclusive
        (0.2500001, None, 0.25, False),
        (5.0, 5.0, None, True),
        (4.0, 5.0, None, False),
        (7.0, 5.0, 6.0, False),
    ],
)
def test_a_value_is_within_its_bounds_or_not(
    value: float, low: float | None, high: float | None, passes: bool
) -> None:
    assert judge("t", [found(value, low=low, high=high)]) == [Judgement(passes)]


def test_judgements_keep_their_order() -> None:
    values = [0.0, 1.0, 0.0, 2.0]
    assert [one.success for one in judge("t", [found(value) for value in values])] == [True, False, True, False]


@pytest.mark.parametrize("nothing", [None, float("nan")])
def test_nothing_measured_is_an_error(nothing: float | None) -> None:
    assert judge("t", [found(nothing), found(0.0)]) == [
        Judgement(False, "nothing could be measured"),
        Judgement(True),
    ]


def test_nothing_measured_passes_only_with_a_reason_which_the_result_says() -> None:
    expectation = Expectation("is well", "c", unit="drift", absent="no run before to compare with")
    measured = Measured(expectation, None, 10)
    assert judge("t", [measured]) == [Judgement(True)]
    assert (result(measured).success, result(measured).observed) == (True, "no run before to compare with")
    # a value is still judged, and NaN is not the expected absence
    assert judge("t", [measured._replace(value=1.0)]) == [Judgement(False)]
    assert judge("t", [measured._replace(value=float("nan"))]) == [Judgement(False, "nothing could be measured")]


def test_an_expectation_without_bounds_is_an_error() -> None:
    assert judge("t", [found(0.0, low=None, high=None)]) == [Judgement(False, "the expectation has no bounds")]


@pytest.mark.parametrize("bound", [{}, "many"], ids=["no number", "no bound that it takes"])
def test_what_great_expectations_cannot_judge_is_an_error(bound: Any) -> None:
    judgement = judge("t", [found(0.0), found(0.0, low=bound)])[1]
    assert not judgement.success
    assert judgement.error is not None
    assert judgement.error.startswith("Great Expectations could not judge it: ")


def result(measured: Measured, *, may_be_null: tuple[str, ...] = (), sent: Sent = NOTHING_TOLD) -> Result:
    (judgement,) = judge("t", [measured])
    return result_of("silver.t", 3, measured, judgement, may_be_null=may_be_null, sent=sent)


def test_no_value_at_all_is_an_error_unless_the_settings_allow_it() -> None:
    unjudged = found(0.0, judged=0)
    assert result(unjudged).error == (
        "no value in any row: nothing could be checked (quality.may_be_null allows silver.t.c)"
    )
    assert not result(unjudged).success
    allowed = result(unjudged, may_be_null=("silver.t.c",))
    assert (allowed.success, allowed.observed) == (True, "no value, as the settings allow")


def test_no_value_is_fine_where_no_source_has_any() -> None:
    unjudged = found(0.0, judged=0)
    other = result(unjudged, sent=Sent(frozenset({"silver.t.other"})))
    assert (other.success, other.error, other.observed) == (True, None, "no value, as no source sends any")
    own = result(unjudged, sent=Sent(frozenset({"silver.t.c"})))
    assert not own.success
    # an existing value is still judged
    assert not result(found(1.0), sent=Sent(frozenset())).success


def test_an_empty_table_is_fine_where_no_source_has_rows() -> None:
    catalogue = Sent(frozenset({"silver.content.titulo"}))
    assert empty_result("silver.users", 0, may_be_empty=(), sent=catalogue).success
    assert not empty_result("silver.content", 0, may_be_empty=(), sent=catalogue).success


def test_too_few_rows_prove_nothing_and_say_so() -> None:
    few = Measured(Expectation("is rare", "c", high=0.1, unit="share", enough=100), 0.9, 99, rows=89)
    assert (result(few).success, result(few).observed) == (True, "99 rows, too few to judge")
    enough = few._replace(judged=100)
    assert (result(enough).success, result(enough).observed, result(enough).expected) == (
        False,
        "0.9",
        "at most 0.1",
    )


def test_an_error_outweighs_a_failure() -> None:
    fine, failed = result(found(0.0)), result(found(1.0))
    error = result(found(None))

    def code(*results: Result) -> int:
        return Run("r", datetime(2026, 1, 1, tzinfo=UTC), (Checked("silver.t", 3, results),)).exit_code

    assert [code(fine), code(fine, failed), code(failed, error)] == [0, 1, 2]
