"""What feedback says: which titles a user took to, how confidently, and which ratings they gave."""

from typing import NamedTuple

from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F

# Actions that say whether a user liked a title; a view alone does not.
_VERDICTS = ("rating", "like", "dislike")
_LEAST = 1e-6


class Evidence(NamedTuple):
    """The weight of each kind of feedback; a rating of at least `liked_from` weighs 1.

    `recency_titles`: a preference's weight falls to 1/e after this many newer ones of the same user.
    """

    liked_from: float
    like: float
    view: float
    dislike: float
    recency_titles: float


def latest_ratings(feedback: DataFrame) -> DataFrame:
    """One row per user and title with a rating: `rating` is the last one, `moment` its time."""
    rated = feedback.where(F.col("action") == "rating").where(F.col("rating").isNotNull())
    last = F.max(F.struct("event_timestamp", "rating")).alias("last")
    return (
        rated.groupBy("user_id", "content_id")
        .agg(last)
        .select(
            "user_id",
            "content_id",
            F.col("last.rating").alias("rating"),
            F.col("last.event_timestamp").alias("moment"),
        )
    )


def liked_titles(feedback: DataFrame, *, liked_from: float) -> DataFrame:
    """One row per user and title that the user rated at least `liked_from` or liked, by the last verdict."""
    return _verdicts(feedback, liked_from=liked_from).where("liked").select("user_id", "content_id")


def weigh_preferences(feedback: DataFrame, *, evidence: Evidence) -> DataFrame:
    """One row per user and title: `confidence` > 0 if the user took to it, < 0 if they disliked it.

    The last rating, like or dislike decides; low ratings count neither way. Each of a user's preferences weighs
    exp(-newer / recency_titles), with `newer` the number of those after it, because the titles watched last say
    most about what comes next. A dislike counts only for users and titles with at least one positive preference.
    """
    judged = _verdicts(feedback, liked_from=evidence.liked_from)
    views = (
        feedback.where(F.col("action") == "view")
        .groupBy("user_id", "content_id")
        .agg(F.max("event_timestamp").alias("viewed"))
    )
    both = judged.join(views, on=["user_id", "content_id"], how="full_outer")
    weight = (
        F.when(F.col("liked").isNull(), F.lit(evidence.view))
        .when(F.col("liked"), _liked_weight(evidence))
        .when(F.col("action") == "dislike", F.lit(-evidence.dislike))
        .otherwise(F.lit(0.0))
    )
    moment = F.greatest("moment", "viewed")
    weighed = both.select("user_id", "content_id", moment.alias("moment"), weight.alias("weight"))
    known = weighed.where(F.col("weight") != 0)
    return _of_known(known.withColumn("confidence", _faded(evidence.recency_titles)))


def _verdicts(feedback: DataFrame, *, liked_from: float) -> DataFrame:
    """One row per user and title with a rating, like or dislike: the last one's action, moment and `liked`."""
    judging = feedback.where(F.col("action").isin(*_VERDICTS))
    liked = F.when(F.col("action") == "rating", F.col("rating") >= liked_from).otherwise(F.col("action") == "like")
    last = F.max(F.struct(F.col("event_timestamp").alias("moment"), "action", liked.alias("liked"))).alias("last")
    return judging.groupBy("user_id", "content_id").agg(last).select("user_id", "content_id", "last.*")


def _liked_weight(evidence: Evidence) -> Column:
    return F.when(F.col("action") == "like", F.lit(evidence.like)).otherwise(F.lit(1.0))


def _faded(recency_titles: float) -> Column:
    newest_first = Window.partitionBy("user_id", F.col("weight") > 0).orderBy(
        F.desc("moment"), F.desc("content_id")
    )
    newer = F.row_number().over(newest_first) - 1
    # A weight that decays to 0 (exp underflows) still is a preference, and ALS counts only values above 0.
    faded = F.greatest(F.col("weight") * F.exp(-newer / recency_titles), F.lit(_LEAST))
    return F.when(F.col("weight") > 0, faded).otherwise(F.col("weight"))


def _of_known(weighed: DataFrame) -> DataFrame:
    """Without dislikes of users or titles about which nothing else is known: nothing can be learnt from them."""
    of_user = F.max("confidence").over(Window.partitionBy("user_id"))
    of_title = F.max("confidence").over(Window.partitionBy("content_id"))
    for best in (of_user, of_title):
        weighed = weighed.withColumn("best", best).where(F.col("best") > 0)
    return weighed.select("user_id", "content_id", "confidence")
