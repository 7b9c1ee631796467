"""What people watch: feedback per title and day, and titles ranked by how many users took to them."""

from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F

from lakehouse.tables import GOLD_POPULARITY

# Sums of decimals are exact; sums of doubles depend on the order in which tasks end.
_EXACT = "decimal(12,6)"


def count_daily(feedback: DataFrame, *, trend_days: int) -> DataFrame:
    """One row per title and day (UTC) with feedback, including titles that silver.content does not have.

    `trend` is the number of events in the `trend_days` days up to this one, minus that of the same period before.
    """
    events = feedback.withColumn("day", F.to_date("event_timestamp"))
    daily = events.groupBy("content_id", "day").agg(
        _count("view").alias("views"),
        F.coalesce(F.sum("seconds_watched"), F.lit(0)).cast("long").alias("seconds_watched"),
        _count("like").alias("likes"),
        _count("dislike").alias("dislikes"),
        _count("rating").alias("ratings"),
        F.avg(F.col("rating").cast(_EXACT)).cast("double").alias("mean_rating"),
        F.count("*").alias("events"),
    )
    days = Window.partitionBy("content_id").orderBy(F.unix_date("day"))
    recent = F.sum("events").over(days.rangeBetween(1 - trend_days, 0))
    before = F.sum("events").over(days.rangeBetween(1 - 2 * trend_days, -trend_days))
    trend = recent - F.coalesce(before, F.lit(0))
    return daily.withColumn("trend", trend).select(*GOLD_POPULARITY.columns)


def order_titles(titles: DataFrame, feedback: DataFrame, affinity: DataFrame) -> DataFrame:
    """One row per title: `place` (1, 2, ...) by popularity and its `viewers`.

    Ordered by users with feedback other than a dislike, then users whose tastes it fits, then id.
    """
    ids = titles.select(F.col("id").alias("content_id")).distinct()
    taken_to = F.when(F.col("action") != "dislike", F.col("user_id"))
    by_feedback = feedback.groupBy("content_id").agg(F.count_distinct(taken_to).alias("viewers"))
    by_tastes = affinity.groupBy("content_id").agg(F.count("*").alias("fits"))
    known = ids.join(by_feedback, on="content_id", how="left").join(by_tastes, on="content_id", how="left")
    order = Window.orderBy(F.desc("viewers"), F.desc("fits"), "content_id")
    popular = known.na.fill(0, ["viewers", "fits"])
    return popular.select("content_id", F.row_number().over(order).alias("place"), "viewers")


def _count(action: str) -> Column:
    return F.count(F.when(F.col("action") == action, True))
