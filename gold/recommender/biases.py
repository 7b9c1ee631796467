"""How far above or below the mean a title is rated, and a user rates, before tastes count.

Koren, Bell & Volinsky, "Matrix factorization techniques for recommender systems", 2009, with shrunken means.
"""

from typing import NamedTuple

from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F

# Sums of decimals are exact; sums of doubles depend on the order in which tasks end.
_EXACT = "decimal(20,9)"


class Shrinkage(NamedTuple):
    """A bias shrinks towards 0 as if there were this many additional ratings without one.

    `recency_ratings`: a rating's weight in its user's bias falls to 1/e after this many newer ones.
    """

    title: float
    user: float
    recency_ratings: float


class Biases(NamedTuple):
    """`users` has user_id and bias, `titles` content_id and bias. `mean` is None if nobody has rated."""

    users: DataFrame
    titles: DataFrame
    mean: float | None


def fit_biases(ratings: DataFrame, *, shrinkage: Shrinkage) -> Biases:
    """b_i = sum(r - mean) / (n + title); b_u = sum(w (r - mean - b_i)) / (sum(w) + user), last ratings first."""
    mean = ratings.agg(F.avg(F.col("rating").cast(_EXACT)).cast("double").alias("mean")).collect()[0]["mean"]
    centre = F.lit(0.0 if mean is None else mean)
    titles = ratings.groupBy("content_id").agg(
        _shrunken(F.col("rating") - centre, F.lit(1.0), by=shrinkage.title).alias("bias")
    )
    newest_first = Window.partitionBy("user_id").orderBy(F.desc("moment"), F.desc("content_id"))
    newer = F.row_number().over(newest_first) - 1
    weighed = ratings.withColumn("weight", F.exp(-newer / shrinkage.recency_ratings))
    left = weighed.join(titles, on="content_id", how="inner")
    error = F.col("rating") - centre - F.col("bias")
    users = left.groupBy("user_id").agg(_shrunken(error, F.col("weight"), by=shrinkage.user).alias("bias"))
    return Biases(users, titles, mean)


def deviations(ratings: DataFrame, biases: Biases) -> DataFrame:
    """The ratings, with `deviation`: what the biases leave unexplained."""
    if biases.mean is None:
        return ratings.withColumn("deviation", F.lit(0.0))
    users = biases.users.withColumnRenamed("bias", "user_bias")
    titles = biases.titles.withColumnRenamed("bias", "title_bias")
    known = ratings.join(users, on="user_id", how="inner").join(titles, on="content_id", how="inner")
    explained = F.lit(biases.mean) + F.col("user_bias") + F.col("title_bias")
    return known.select(*ratings.columns, (F.col("rating") - explained).alias("deviation"))


def _shrunken(error: Column, weight: Column, *, by: float) -> Column:
    total = F.sum((error * weight).cast(_EXACT)).cast("double")
    return F.round(total / (F.sum(weight.cast(_EXACT)).cast("double") + by), 6)
