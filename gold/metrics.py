"""How far predictions are from the ratings that training never saw."""

from collections.abc import Mapping

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from lakehouse.tables import GOLD_METRICS


def prediction_errors(predictions: DataFrame, *, mean: float) -> DataFrame:
    """One row per metric: RMSE and MAE beside those of predicting the training mean, and counts of rows.

    No row is left out: where the model has no prediction, it is taken to say the mean, and `unscored_rows`
    counts these. RMSE and MAE are absent where there is no held-out row to compute them on.
    """
    unscored = F.isnan("prediction")
    guess = F.when(unscored, F.lit(mean)).otherwise(F.col("prediction"))
    error, naive = F.col("rating") - guess, F.col("rating") - F.lit(mean)
    totals = predictions.agg(
        _root_mean_square(error).alias("rmse"),
        _root_mean_square(naive).alias("rmse_baseline"),
        _mean_absolute(error).alias("mae"),
        _mean_absolute(naive).alias("mae_baseline"),
        F.count("*").cast("double").alias("rows"),
        F.count(F.when(unscored, True)).cast("double").alias("unscored"),
    )
    stacked = (
        "stack(4, 'rmse', rmse, rmse_baseline, 'mae', mae, mae_baseline,"
        " 'holdout_rows', rows, null, 'unscored_rows', unscored, null) AS (metric, value, baseline)"
    )
    return totals.selectExpr(stacked).where(F.col("value").isNotNull())


def describe_model(errors: DataFrame, *, model_version: str, input_versions: Mapping[str, int]) -> DataFrame:
    """The metrics of one model in the form of gold.model_metrics."""
    pairs = [F.lit(item) for pair in sorted(input_versions.items()) for item in pair]
    versions = F.create_map(*pairs).cast("map<string,bigint>")
    described = errors.withColumn("model_version", F.lit(model_version)).withColumn("input_versions", versions)
    return described.select(*GOLD_METRICS.columns)


def replace_model(published: DataFrame, described: DataFrame, *, model_version: str) -> DataFrame:
    """The metrics of all models so far, those of this one new."""
    others = published.where(F.col("model_version") != model_version)
    return others.unionByName(described).select(*GOLD_METRICS.columns)


def read_metrics(metrics: DataFrame, *, model_version: str) -> dict[str, float]:
    """The values of one model by metric."""
    rows = metrics.where(F.col("model_version") == model_version).select("metric", "value").collect()
    return {row["metric"]: row["value"] for row in rows}


def _root_mean_square(error: Column) -> Column:
    """Rounded: the last digits of a sum of doubles depend on the order of its tasks."""
    return F.round(F.sqrt(F.avg(error * error)), 6)


def _mean_absolute(error: Column) -> Column:
    return F.round(F.avg(F.abs(error)), 6)
