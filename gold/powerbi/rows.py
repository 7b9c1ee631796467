"""The rows that Power BI shows."""

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from lakehouse.tables import GOLD_POWERBI


def name_titles(recommendations: DataFrame, titles: DataFrame) -> DataFrame:
    """One row per recommendation, ordered by userId and rank, the rating with 2 decimals.

    `titulo` is null if silver.content no longer has the title: `untitled` lists these.
    """
    names = titles.groupBy(F.col("id").alias("content_id")).agg(F.max("titulo").alias("titulo"))
    named = recommendations.join(names, on="content_id", how="left").orderBy("user_id", "rank")
    described = named.select(
        F.col("user_id").alias("userId"),
        F.col("content_id").alias("recommended_content"),
        "titulo",
        F.round("predicted_rating", 2).alias("predicted_rating"),
    )
    return described.select(*GOLD_POWERBI.columns)


def untitled(rows: DataFrame) -> DataFrame:
    """The recommended titles without a name, distinct and ordered."""
    return (
        rows.where(F.col("titulo").isNull())
        .select("recommended_content")
        .distinct()
        .orderBy("recommended_content")
    )
