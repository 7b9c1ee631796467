"""Metrics of all rows together behind quality/expectations.py, each for pandas and Spark: one value."""

import re
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

import pandas as pd
from great_expectations.core.metric_domain_types import MetricDomainTypes
from great_expectations.execution_engine import PandasExecutionEngine, SparkDFExecutionEngine
from great_expectations.expectations.metrics.metric_provider import metric_value
from great_expectations.expectations.metrics.table_metric_provider import TableMetricProvider
from pyspark.sql import DataFrame, Window
from pyspark.sql import functions as F
from pyspark.sql.types import ArrayType

from lakehouse.lakehouse import Lakehouse
from lakehouse.spark.lakehouse import SparkLakehouse
from lakehouse.tables import find_table
from quality import batches
from quality.distance import MOST_VALUES, OTHERS

Decorator = Callable[[Callable[..., Any]], Callable[..., Any]]

_FIRST = 20  # values of rows that fail, as many as Great Expectations itself shows

# Spark and DataFusion both read it.
_USERS_TO_SERVE = """
SELECT u.id AS id FROM users u LEFT JOIN (
    SELECT f.user_id, count(DISTINCT f.content_id) AS titles
    FROM feedback f JOIN content c ON c.id = f.content_id GROUP BY f.user_id
) seen ON seen.user_id = u.id
WHERE coalesce(seen.titles, 0) < (SELECT count(DISTINCT id) FROM content)
"""


def _value_on(engine: type) -> Decorator:
    """Let a method that takes the rows and the metric's arguments be a metric value of this engine."""

    def provided(compute: Callable[..., Any]) -> Callable[..., Any]:
        def value(
            cls: Any,
            execution_engine: Any,
            metric_domain_kwargs: dict[str, Any],
            metric_value_kwargs: dict[str, Any],
            **_: Any,
        ) -> Any:
            rows, _, _ = execution_engine.get_compute_domain(
                metric_domain_kwargs, domain_type=MetricDomainTypes.TABLE
            )
            return compute(cls, rows, **metric_value_kwargs)

        return metric_value(engine=engine)(value)

    return provided


class ColumnTypes(TableMetricProvider):
    """The type of each column, as Delta and Spark write it."""

    metric_name = "table.delta_types"

    @_value_on(PandasExecutionEngine)
    def _pandas(cls, rows: pd.DataFrame) -> dict[str, str]:
        return batches.delta_types(rows)

    @_value_on(SparkDFExecutionEngine)
    def _spark(cls, rows: DataFrame) -> dict[str, str]:
        return batches.delta_types(rows)


class RowsNotInTable(TableMetricProvider):
    """The rows whose columns equal no row's keys in another table: how many, and the first of their values."""

    metric_name = "table.rows_not_in_table"
    value_keys = ("columns", "root", "reference", "at_version", "keys")

    @_value_on(PandasExecutionEngine)
    def _pandas(
        cls,
        rows: pd.DataFrame,
        *,
        columns: list[str],
        root: str,
        reference: str,
        at_version: int | None,
        keys: list[str],
    ) -> dict[str, Any]:
        known = Lakehouse(root).read(reference, version=at_version, columns=keys).to_pandas()
        counted = pd.MultiIndex.from_frame(rows[columns]).isin(pd.MultiIndex.from_frame(known))
        unknown = rows.loc[~counted, columns]
        return {"count": len(unknown), "first": unknown.head(_FIRST).to_dict("records")}

    @_value_on(SparkDFExecutionEngine)
    def _spark(
        cls,
        rows: DataFrame,
        *,
        columns: list[str],
        root: str,
        reference: str,
        at_version: int | None,
        keys: list[str],
    ) -> dict[str, Any]:
        known = SparkLakehouse(root, rows.sparkSession).read(find_table(reference), version=at_version)
        known = known.select(*[F.col(key).alias(column) for key, column in zip(keys, columns, strict=True)])
        unknown = rows.select(*columns).join(known, on=columns, how="left_anti")
        return {"count": unknown.count(), "first": [row.asDict() for row in unknown.limit(_FIRST).collect()]}


class UsersWithoutList(TableMetricProvider):
    """The users that no row of `user_id` has, although there is a title on which they have given no feedback."""

    metric_name = "table.users_without_list"
    value_keys = ("root", "versions")

    @_value_on(PandasExecutionEngine)
    def _pandas(cls, rows: pd.DataFrame, *, root: str, versions: Mapping[str, int | None]) -> list[str]:
        tables: dict[str, Any] = {name.partition(".")[2]: (name, at) for name, at in versions.items()}
        to_serve = Lakehouse(root).query(_USERS_TO_SERVE, **tables)["id"].to_pylist()
        return sorted(set(to_serve) - set(rows["user_id"]))

    @_value_on(SparkDFExecutionEngine)
    def _spark(cls, rows: DataFrame, *, root: str, versions: Mapping[str, int | None]) -> list[str]:
        spark = rows.sparkSession
        tables: dict[str, Any] = {
            name.partition(".")[2]: SparkLakehouse(root, spark).read(find_table(name), version=at)
            for name, at in versions.items()
        }
        sql = re.sub(r"\b(users|content|feedback)\b", r"{\1}", _USERS_TO_SERVE)
        listed = rows.select(F.col("user_id").alias("id"))
        unserved = spark.sql(sql, **tables).join(listed, on="id", how="left_anti")
        return sorted(row["id"] for row in unserved.collect())


class ColumnCounts(TableMetricProvider):
    """How often each value of a column, or each item of its arrays, occurs: the most frequent ones by name."""

    metric_name = "column.counts"
    value_keys = ("column",)

    @_value_on(PandasExecutionEngine)
    def _pandas(cls, rows: pd.DataFrame, *, column: str) -> dict[str, int]:
        values = rows[column].dropna()
        values = values.explode().dropna() if values.map(pd.api.types.is_list_like).any() else values
        counts = values.value_counts().rename_axis("value").reset_index(name="count")
        ordered = counts.sort_values(["count", "value"], ascending=[False, True])
        named = ordered.head(MOST_VALUES)
        counted = {str(value): int(count) for value, count in zip(named["value"], named["count"], strict=True)}
        others = int(ordered["count"].iloc[MOST_VALUES:].sum())
        return counted | ({OTHERS: others} if others else {})

    @_value_on(SparkDFExecutionEngine)
    def _spark(cls, rows: DataFrame, *, column: str) -> dict[str, int]:
        values = F.explode(column) if isinstance(rows.schema[column].dataType, ArrayType) else F.col(column)
        counted = rows.select(values.alias("value")).filter("value IS NOT NULL").groupBy("value").count()
        place = F.row_number().over(Window.orderBy(F.desc("count"), "value"))
        text = F.when(F.col("place") <= MOST_VALUES, F.col("value").cast("string")).otherwise(OTHERS)
        named = counted.withColumn("place", place).groupBy(text.alias("value")).agg(F.sum("count").alias("count"))
        return {row["value"]: row["count"] for row in named.collect()}


class LargestRejectedShare(TableMetricProvider):
    """The largest share of quarantined rows in a batch that finished after `since`; None if no batch counts.

    Batches below `min_rows` are counted together as one, which is ignored if it is below `min_rows` too.
    """

    metric_name = "table.largest_rejected_share"
    value_keys = ("since", "min_rows")

    @_value_on(PandasExecutionEngine)
    def _pandas(cls, rows: pd.DataFrame, *, since: str | None, min_rows: int) -> float | None:
        new = rows if since is None else rows[rows["finished_at"] > pd.Timestamp(since)]
        own = (new["query_id"] + " " + new["batch_id"].astype(str)).where(new["rows_in"] >= min_rows, "")
        whole = new.groupby(own)[["quarantined", "rows_in"]].sum()
        whole = whole[whole["rows_in"] >= min_rows]
        return None if whole.empty else float((whole["quarantined"] / whole["rows_in"]).max())

    @_value_on(SparkDFExecutionEngine)
    def _spark(cls, rows: DataFrame, *, since: str | None, min_rows: int) -> float | None:
        new = rows if since is None else rows.filter(F.col("finished_at") > F.lit(datetime.fromisoformat(since)))
        own = F.concat("query_id", F.lit(" "), F.col("batch_id").cast("string"))
        batch = F.when(F.col("rows_in") >= min_rows, own).otherwise("")
        whole = new.groupBy(batch.alias("batch")).agg(
            F.sum("quarantined").alias("bad"), F.sum("rows_in").alias("all")
        )
        share = F.when(F.col("all") >= min_rows, F.col("bad") / F.col("all"))
        highest: float | None = whole.agg(F.max(share)).collect()[0][0]
        return highest
