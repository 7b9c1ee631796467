"""The rows of gold.model_metrics: each model's metrics, and its baseline."""

from collections.abc import Mapping

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from lakehouse.spark.lakehouse import SparkLakehouse
from lakehouse.tables import GOLD_METRICS

# The model that the lists come from; the table's other models are baselines.
BLEND = "blend"
# The baselines that the published lists and ratings must beat.
POPULARITY, MEAN = "popularity", "mean"

Measured = Mapping[str, Mapping[str, float]]


def describe_models(
    spark: SparkSession, measured: Measured, *, model_version: str, input_versions: Mapping[str, int]
) -> DataFrame:
    """One row per model and metric. The baseline is popularity for lists, predicting the mean for ratings."""
    versions = dict(sorted(input_versions.items()))
    rows = [
        (model_version, model, metric, value, _baseline(measured, metric), versions)
        for model, metrics in sorted(measured.items())
        for metric, value in sorted(metrics.items())
    ]
    return spark.createDataFrame(rows, GOLD_METRICS.schema)


def write_metrics(lake: SparkLakehouse, described: DataFrame, input_versions: Mapping[str, int]) -> None:
    """Replace the rows of these models and keep all others."""
    lake.ensure(GOLD_METRICS)
    metrics = replace_models(lake.read(GOLD_METRICS), described)
    lake.overwrite(metrics, GOLD_METRICS, input_versions=input_versions)


def replace_models(published: DataFrame, described: DataFrame) -> DataFrame:
    """The metrics of all models so far, those of the described ones replaced."""
    measured = described.select("model_version", "model").distinct()
    others = published.join(measured, on=["model_version", "model"], how="left_anti")
    return others.select(*GOLD_METRICS.columns).unionByName(described)


def read_metrics(metrics: DataFrame, *, model_version: str) -> dict[str, float]:
    """The metrics of the published lists' model, by name."""
    rows = metrics.where((F.col("model_version") == model_version) & (F.col("model") == BLEND))
    return {row["metric"]: row["value"] for row in rows.select("metric", "value").collect()}


def _baseline(measured: Measured, metric: str) -> float | None:
    for model in (POPULARITY, MEAN):
        if metric in measured.get(model, {}):
            return measured[model][metric]
    return None
