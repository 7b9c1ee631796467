"""Each user's list: what to recommend, in which order, and the source of each place."""

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from gold.recommender.blend import Blend
from gold.recommender.blocks import PLACES, Scorer, listing
from gold.recommender.preferences import Evidence, weigh_preferences
from gold.recommender.scoring import TitleFeatures
from lakehouse.tables import GOLD_RECOMMENDATIONS


def describe_users(
    features: DataFrame, feedback: DataFrame, affinity: DataFrame, *, evidence: Evidence
) -> DataFrame:
    """One row per user of `features`, with `history`: one entry per title that something is known about.

    An entry has `seen` if the user gave feedback on the title, `confidence` if they took to it, and `affinity` if
    it fits their tastes.
    """
    preferences = weigh_preferences(feedback, evidence=evidence).where(F.col("confidence") > 0)
    seen = feedback.select("user_id", "content_id").distinct().withColumn("seen", F.lit(1.0))
    known = seen.join(preferences, on=["user_id", "content_id"], how="left")
    fitting = affinity.select("user_id", "content_id", F.col("rating").alias("affinity"))
    entries = known.unionByName(fitting, allowMissingColumns=True)
    history = F.collect_list(F.struct("content_id", "seen", "confidence", "affinity")).alias("history")
    return features.join(entries.groupBy("user_id").agg(history), on="user_id", how="left")


def without_factors(affinity: DataFrame, blend: Blend) -> DataFrame:
    """The affinity rows of users without factors in the model: the ranking of all others does not use them."""
    ordered = blend.users.where(F.col("factors").isNotNull()).select("user_id")
    return affinity.join(ordered, on="user_id", how="left_anti")


def make_lists(
    described: DataFrame,
    blend: Blend,
    titles: TitleFeatures,
    *,
    titles_per_user: int,
    partitions: int,
    model_version: str,
) -> DataFrame:
    """One row per user and recommended title, ranked 1..n without gaps; n is lower only if titles run out.

    Titles that a user has given feedback on are not recommended. `predicted_rating` never rises with rank.
    `partitions` is the number of scoring tasks; it does not affect the rows.
    """
    scorer = Scorer(titles, blend.weights, blend.ranks, blend.mean, titles_per_user)
    shared = described.sparkSession.sparkContext.broadcast(scorer)
    known = described.join(blend.users, on="user_id", how="left")
    # Without an explicit number, AQE puts all users of a small table into one task.
    blocks = known.repartitionByRange(partitions, "user_id").sortWithinPartitions("user_id")
    # A Python UDF, because Spark has neither a matrix product nor a top n per row: as joins, every user would meet
    # every title in a shuffle. Here only each user's list leaves the worker.
    ranked = blocks.mapInArrow(listing(shared), PLACES)
    return ranked.withColumn("model_version", F.lit(model_version)).select(*GOLD_RECOMMENDATIONS.columns)
