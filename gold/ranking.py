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
    offered = _fitting(scored, popular, ids).unionByName(
        _filling(popular, ids, seen, titles_per_user=titles_per_user)
    )
    unseen = offered.join(seen, on=["user_id", "content_id"], how="left_anti")
    # A title that fits and is popular as well keeps its better place.
    best = F.min(F.struct("tier", "score", "rating", "value")).alias("best")
    titles = unseen.groupBy("user_id", "content_id").agg(best).select("user_id", "content_id", "best.*")
    order = Window.partitionBy("user_id").orderBy("tier", F.desc("score"), F.desc("rating"), "content_id")
    ranked = titles.withColumn("rank", F.row_number().over(order)).where(F.col("rank") <= titles_per_user)
    clipped = F.greatest(F.lit(LOWEST), F.least(F.lit(HIGHEST), F.col("value")))
    so_far = Window.partitionBy("user_id").orderBy("rank").rowsBetween(Window.unboundedPreceding, 0)
    names = F.create_map(*[F.lit(item) for pair in _SOURCES.items() for item in pair])
    described = ranked.select(
        "user_id",
        "content_id",
        "rank",
        F.round(F.min(clipped).over(so_far), 4).alias("predicted_rating"),
        F.element_at(names, F.col("tier")).alias("source"),
        F.lit(model_version).alias("model_version"),
    )
    return described.select(*GOLD_RECOMMENDATIONS.columns)


def _fitting(scored: DataFrame, popular: DataFrame, ids: DataFrame) -> DataFrame:
    """The pairs of today's users and titles: user_id, content_id, tier, score (best is highest), rating, value."""
    current = scored.join(ids, on="user_id", how="left_semi").join(popular, on="content_id", how="left_semi")
    predicted = ~F.isnan("prediction")
    value = F.when(predicted, F.col("prediction")).otherwise(F.col("rating"))
    tier = F.when(predicted, 1).otherwise(2)
    return current.select(
        "user_id", "content_id", tier.alias("tier"), value.alias("score"), "rating", value.alias("value")
    )


def _filling(popular: DataFrame, ids: DataFrame, seen: DataFrame, *, titles_per_user: int) -> DataFrame:
    """As many popular titles for each user as can be needed, in the columns of `_fitting`.

    A list of n that needs filling has fewer than n titles of its own, and k were seen: of the first 2n + k popular
    ones at least n are left. So no user meets every title.
    """
    watched = seen.groupBy("user_id").agg(F.count("*").alias("watched"))
    counted = ids.join(watched, on="user_id", how="left")
    last = F.lit(2 * titles_per_user) + F.coalesce("watched", F.lit(0))
    places = counted.select("user_id", F.explode(F.sequence(F.lit(1), last.cast("int"))).alias("place"))
    return places.join(popular, on="place", how="inner").select(
        "user_id",
        "content_id",
        F.lit(3).alias("tier"),
        (-F.col("place")).cast("double").alias("score"),
        F.lit(0.0).alias("rating"),
        F.col("expected_rating").alias("value"),
    )
