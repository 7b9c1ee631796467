"""Metrics of single rows behind quality/expectations.py, each for pandas and Spark: which rows fail."""

import re
from collections.abc import Callable
from typing import Any

import pandas as pd
from great_expectations.core.metric_function_types import MetricPartialFunctionTypes
from great_expectations.execution_engine import PandasExecutionEngine, SparkDFExecutionEngine
from great_expectations.expectations.metrics.map_metric_provider import (
    ColumnMapMetricProvider,
    ColumnPairMapMetricProvider,
    MulticolumnMapMetricProvider,
    column_condition_partial,
    column_pair_condition_partial,
    multicolumn_condition_partial,
)
from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F

Decorator = Callable[[Callable[..., Any]], Callable[..., Any]]

_COLUMN_LIST = ("batch_id", "table", "column_list", "row_condition", "condition_parser", "ignore_row_if")
_WINDOW = MetricPartialFunctionTypes.WINDOW_CONDITION_FN


def _condition(partial: Any, engine: type, **kind: Any) -> Decorator:
    """Great Expectations' own decorator of that kind, with a type."""
    decorator: Decorator = partial(engine=engine, **kind)
    return decorator


class ItemsMatchRegex(ColumnMapMetricProvider):
    """Whether every item of an array, or the items' `field`, matches a pattern."""

    condition_metric_name = "column_values.items_match_regex"
    condition_value_keys = ("regex", "field")

    @_condition(column_condition_partial, PandasExecutionEngine)
    def _pandas(cls, column: pd.Series, regex: str, field: str, **_: Any) -> pd.Series:
        search = re.compile(regex).search

        def all_match(items: Any) -> bool:
            texts = (item[field] if field and item is not None else item for item in items)
            return all(text is not None and search(text) is not None for text in texts)

        return column.map(all_match).astype(bool)

    @_condition(column_condition_partial, SparkDFExecutionEngine)
    def _spark(cls, column: Column, regex: str, field: str, **_: Any) -> Column:
        def matches(item: Column) -> Column:
            return F.coalesce((item[field] if field else item).rlike(regex), F.lit(False))

        return F.forall(column, matches)


class ItemCounts(ColumnMapMetricProvider):
    """Whether an array has at least `min_value` items."""

    condition_metric_name = "column_values.item_count"
    condition_value_keys = ("min_value",)

    @_condition(column_condition_partial, PandasExecutionEngine)
    def _pandas(cls, column: pd.Series, min_value: int, **_: Any) -> pd.Series:
        return column.map(len) >= min_value

    @_condition(column_condition_partial, SparkDFExecutionEngine)
    def _spark(cls, column: Column, min_value: int, **_: Any) -> Column:
        return F.size(column) >= min_value


class RowsMeetCondition(MulticolumnMapMetricProvider):
    """Whether a condition is true of a row; null counts as false."""

    condition_metric_name = "multicolumn_values.meet_condition"
    condition_domain_keys = _COLUMN_LIST
    condition_value_keys = ("condition",)

    @_condition(multicolumn_condition_partial, PandasExecutionEngine)
    def _pandas(cls, column_list: pd.DataFrame, condition: str, **_: Any) -> pd.Series:
        return column_list.eval(condition).fillna(False).astype(bool)

    @_condition(multicolumn_condition_partial, SparkDFExecutionEngine)
    def _spark(cls, _rows: DataFrame, condition: str, **_: Any) -> Column:
        return F.coalesce(F.expr(condition), F.lit(False))


class DateWithinDaysAfter(ColumnPairMapMetricProvider):
    """Whether the date A is no later than `days` after the day of the timestamp B."""

    condition_metric_name = "column_pair_values.date_within_days_after"
    condition_domain_keys = (
        *("batch_id", "table", "column_A", "column_B"),
        *("row_condition", "condition_parser", "ignore_row_if"),
    )
    condition_value_keys = ("days",)

    @_condition(column_pair_condition_partial, PandasExecutionEngine)
    def _pandas(cls, date: pd.Series, moment: pd.Series, days: int, **_: Any) -> pd.Series:
        return date <= (moment + pd.Timedelta(days=days)).dt.date

    @_condition(column_pair_condition_partial, SparkDFExecutionEngine)
    def _spark(cls, date: Column, moment: Column, days: int, **_: Any) -> Column:
        return date <= F.date_add(F.to_date(moment), days)


class RankCounts(MulticolumnMapMetricProvider):
    """Whether a row's rank is its place in its list; the columns are the list and the rank."""

    condition_metric_name = "multicolumn_values.rank_counts_from_one"
    condition_domain_keys = _COLUMN_LIST

    @_condition(multicolumn_condition_partial, PandasExecutionEngine)
    def _pandas(cls, column_list: pd.DataFrame, **_: Any) -> pd.Series:
        group, rank = column_list.columns
        ordered = column_list.sort_values([group, rank])
        place = ordered.groupby(group).cumcount() + 1
        return (ordered[rank] == place).fillna(False).astype(bool).reindex(column_list.index)

    @_condition(multicolumn_condition_partial, SparkDFExecutionEngine, partial_fn_type=_WINDOW)
    def _spark(cls, column_list: DataFrame, **_: Any) -> Column:
        group, rank = column_list.columns
        place = F.row_number().over(Window.partitionBy(group).orderBy(rank))
        return F.coalesce(F.col(rank) == place, F.lit(False))


class ValuesFallWithRank(MulticolumnMapMetricProvider):
    """Whether a value is no higher than the one before it; the columns are the list, the rank and the value."""

    condition_metric_name = "multicolumn_values.fall_with_rank"
    condition_domain_keys = _COLUMN_LIST

    @_condition(multicolumn_condition_partial, PandasExecutionEngine)
    def _pandas(cls, column_list: pd.DataFrame, **_: Any) -> pd.Series:
        group, rank, value = column_list.columns
        ordered = column_list.sort_values([group, rank, value], ascending=[True, True, False])
        rises = (ordered[value] > ordered.groupby(group)[value].shift()).fillna(False).astype(bool)
        return (~rises).reindex(column_list.index)

    @_condition(multicolumn_condition_partial, SparkDFExecutionEngine, partial_fn_type=_WINDOW)
    def _spark(cls, column_list: DataFrame, **_: Any) -> Column:
        group, rank, value = column_list.columns
        before = F.lag(value).over(Window.partitionBy(group).orderBy(rank, F.desc(value)))
        return before.isNull() | (F.col(value) <= before)
