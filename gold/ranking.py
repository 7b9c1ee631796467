"""The list of each user: what to recommend, in which order, and where each place comes from."""

from pyspark.sql import DataFrame, Window
from pyspark.sql import functions as F

from lakehouse.tables import GOLD_RECOMMENDATIONS

LOWEST, HIGHEST = 1.0, 5.0

# Where a place comes from, in the order in which places are given.
_SOURCES = {1: "als", 2: "affinity", 3: "popularity"}


def rank_titles(
    scored: DataFrame,
    popular: DataFrame,
    users: DataFrame,
    feedback: DataFrame,
    *,
    titles_per_user: int,
    model_version: str,
) -> DataFrame:
    """One row per user and recommended title, ranked 1..n without gaps; n is lower only where titles run out.

    `scored` has the pairs that share something, with `rating` (affinity) and `prediction` (NaN: none);
    `popular` every title there is, with `place` and `expected_rating`. What a user has given feedback on is
    not recommended. `predicted_rating` never rises with rank.
    """
    ids = users.select(F.col("id").alias("user_id")).distinct()
    seen = feedback.select("user_id", "content_id").distinct()
    fitting = _fitting(scored, popular, ids, seen).where(F.col("position") <= titles_per_user)
    filling = _filling(fitting, popular, ids, seen, titles_per_user=titles_per_user)
    order = Window.partitionBy("user_id").orderBy("tier", "position", "content_id")
    ranked = fitting.unionByName(filling).withColumn("rank", F.row_number().over(order))
    so_far = order.rowsBetween(Window.unboundedPreceding, Window.currentRow)
    names = F.create_map(*[F.lit(item) for pair in _SOURCES.items() for item in pair])
    described = ranked.select(
        "user_id",
        "content_id",
        "rank",
        F.round(F.min(F.greatest(F.lit(LOWEST), F.least(F.lit(HIGHEST), "value"))).over(so_far), 4).alias(
            "predicted_rating"
        ),
        F.element_at(names, F.col("tier")).alias("source"),
        F.lit(model_version).alias("model_version"),
    )
    return described.where(F.col("rank") <= titles_per_user).select(*GOLD_RECOMMENDATIONS.columns)


def _fitting(scored: DataFrame, popular: DataFrame, ids: DataFrame, seen: DataFrame) -> DataFrame:
    """The unseen pairs of today's users and titles: user_id, content_id, tier, position, value."""
    current = scored.join(ids, on="user_id", how="left_semi").join(popular, on="content_id", how="left_semi")
    unseen = current.join(seen, on=["user_id", "content_id"], how="left_anti")
    predicted = ~F.isnan("prediction")
    tiered = unseen.withColumn("tier", F.when(predicted, 1).otherwise(2)).withColumn(
        "value", F.when(predicted, F.col("prediction")).otherwise(F.col("rating"))
    )
    order = Window.partitionBy("user_id").orderBy("tier", F.desc("value"), F.desc("rating"), "content_id")
    positioned = tiered.withColumn("position", F.row_number().over(order))
    return positioned.select("user_id", "content_id", "tier", "position", "value")


def _filling(
    fitting: DataFrame, popular: DataFrame, ids: DataFrame, seen: DataFrame, *, titles_per_user: int
) -> DataFrame:
    """Popular titles for the users whose own are too few, in the columns of `_fitting`.

    Of the first n + k popular titles a user can have at most the k already taken, so n are left: each user
    meets that many rows, and no user meets every title.
    """
    own = fitting.select("user_id", "content_id")
    listed = own.groupBy("user_id").agg(F.count("*").alias("listed"))
    watched = seen.groupBy("user_id").agg(F.count("*").alias("watched"))
    counted = ids.join(listed, on="user_id", how="left").join(watched, on="user_id", how="left")
    short = counted.na.fill(0).where(F.col("listed") < titles_per_user)
    last = (F.lit(titles_per_user) + F.col("listed") + F.col("watched")).cast("int")
    places = short.select("user_id", F.explode(F.sequence(F.lit(1), last)).alias("place"))
    offered = places.join(popular, on="place", how="inner")
    taken = own.unionByName(seen)
    unseen = offered.join(taken, on=["user_id", "content_id"], how="left_anti")
    return unseen.select(
        "user_id",
        "content_id",
        F.lit(3).alias("tier"),
        F.col("place").alias("position"),
        F.col("expected_rating").alias("value"),
    )
