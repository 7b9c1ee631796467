"""Great Expectations judges the measurements. Imported only by checks: loading it takes a second."""

import logging
import math
from collections.abc import Sequence
from typing import Any

import great_expectations as gx
import pandas as pd
from great_expectations.data_context.types.base import ProgressBarsConfig
from great_expectations.exceptions.exceptions import GreatExpectationsError
from great_expectations.expectations.core.expect_column_max_to_be_between import ExpectColumnMaxToBeBetween

from lakehouse.errors import first_line
from quality.measuring import Judgement, Measured

# It warns about what is intended here: values of an expectation are not stored in its own project.
logging.getLogger("great_expectations").setLevel(logging.ERROR)


def judge(name: str, measured: Sequence[Measured]) -> list[Judgement]:
    """One judgement per measurement, in the same order. Reads and writes nothing outside this process.

    The measurements are one row of a table, one column each, with values that must be within their bounds.
    """
    values = {str(index): _number(one.value) for index, one in enumerate(measured)}
    try:
        # on one row this equals an expectation on every value, with a quarter of the metrics
        expectations = [
            ExpectColumnMaxToBeBetween(
                column=column, min_value=one.expectation.low, max_value=one.expectation.high
            )
            for column, one in zip(values, measured, strict=True)
        ]
        results = _validate(name, pd.DataFrame([values]), expectations)
    except (GreatExpectationsError, ValueError) as error:  # invalid bounds raise a ValueError
        return [_not_judged(first_line(error))] * len(measured)
    found = {result.expectation_config.kwargs["column"]: _judgement(result) for result in results}
    return [_unjudged(one) or found[column] for column, one in zip(values, measured, strict=True)]


def _unjudged(one: Measured) -> Judgement | None:
    """A failure for what Great Expectations would let pass: no value or no bounds; success if it may be absent."""
    if one.value is None and one.expectation.absent:
        return Judgement(True)
    if _number(one.value) is None:
        return Judgement(False, "nothing could be measured")
    if one.expectation.low is None and one.expectation.high is None:
        return Judgement(False, "the expectation has no bounds")
    return None


def _validate(name: str, row: pd.DataFrame, expectations: list[Any]) -> list[Any]:
    context = gx.get_context(mode="ephemeral")
    context.variables.progress_bars = ProgressBarsConfig(globally=False)
    asset = context.data_sources.add_pandas(name="measured").add_dataframe_asset(name=name)
    batch = asset.add_batch_definition_whole_dataframe("all").get_batch({"dataframe": row})
    return list(batch.validate(gx.ExpectationSuite(name=name, expectations=expectations)).results)


def _number(value: float | None) -> float | None:
    return None if value is None or math.isnan(value) else value


def _judgement(result: Any) -> Judgement:
    """The judgement; if Great Expectations itself failed, there is no result to use."""
    raised = result.exception_info or {}
    details = [raised] if "raised_exception" in raised else list(raised.values())
    messages = [str(one["exception_message"]) for one in details if one.get("raised_exception")]
    return _not_judged(messages[0]) if messages else Judgement(bool(result.success))


def _not_judged(why: str) -> Judgement:
    return Judgement(False, f"Great Expectations could not judge it: {why}")
