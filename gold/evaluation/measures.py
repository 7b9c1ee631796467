"""The quality of lists and predicted ratings, measured on what users did afterwards."""

from collections.abc import Sequence
from typing import NamedTuple

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from gold.evaluation.figures import CUTOFF
from gold.recommender.blend import Blend
from gold.recommender.scoring import HIGHEST, LOWEST


class Audience(NamedTuple):
    """What lists are measured against: all titles, `viewers` per content_id, and the number of users."""

    catalogue: int
    users: int
    viewers: DataFrame


def measure_lists(lists: DataFrame, relevant: DataFrame, facts: Audience, *, models: Sequence[str]) -> DataFrame:
    """One row per model and metric of lists (model, user_id, content_id, rank), measured on later likes.

    Means over users with at least one relevant title; a missing list counts 0. NDCG (Jarvelin & Kekalainen 2002)
    has gains of 1 and is relative to the ideal list; MAP divides by the number of relevant titles, at most 10.
    Coverage is the share of all titles that are in some list; novelty is the mean of -log2 of the share of users
    who have seen a title (Vargas & Castells 2011), counting 0 users as 1. Undefined metrics are absent.
    """
    first = lists.where(F.col("rank") <= CUTOFF).select("model", "user_id", "content_id", "rank")
    asked = relevant.select("user_id", "content_id").distinct()
    wanted = asked.groupBy("user_id").agg(F.count("*").alias("wanted"))
    named = lists.sparkSession.createDataFrame([(model,) for model in models], "model string")
    users = wanted.crossJoin(F.broadcast(named))
    relevant_listed = first.join(asked, on=["user_id", "content_id"], how="inner")
    hits = relevant_listed.groupBy("model", "user_id").agg(F.sort_array(F.collect_list("rank")).alias("hit"))
    scored = users.join(hits, on=["model", "user_id"], how="left")
    ranks = F.coalesce("hit", F.array().cast("array<int>"))
    means = [F.round(F.avg(column), 6).alias(name) for name, column in _per_user().items()]
    quality = (
        scored.withColumn("ranks", ranks)
        .groupBy("model")
        .agg(*means, F.count("*").cast("double").alias("test_users"))
    )
    return _stacked(quality).unionByName(_stacked(_spread(first, facts)))


def _spread(first: DataFrame, facts: Audience) -> DataFrame:
    recommended = first.groupBy("model", "content_id").agg(F.count("*").alias("places"))
    known = recommended.join(facts.viewers, on="content_id", how="left")
    seen = F.greatest(F.coalesce("viewers", F.lit(0)), F.lit(1))
    surprise = -F.log2(seen / _denominator(facts.users))
    return known.groupBy("model").agg(
        F.round(F.count("*") / _denominator(facts.catalogue), 6).alias("coverage"),
        F.round(F.sum(surprise * F.col("places")) / F.sum("places"), 6).alias("novelty"),
    )


def _denominator(count: int) -> Column:
    return F.lit(count or None).cast("double")


def predict(blend: Blend, rows: DataFrame) -> DataFrame:
    """The rows (user_id, content_id) with a `prediction`, and `scored`: whether the model knows both.

    Unknown biases and factors count 0: without a user's bias it predicts from that of the title, without both from
    the mean. `prediction` is null if nobody has rated anything, or if it is not a finite number.
    """
    users = blend.users.select("user_id", F.col("bias").alias("user_bias"), F.col("value_factors").alias("own"))
    titles = blend.titles.select(
        "content_id", F.col("bias").alias("title_bias"), F.col("value_factors").alias("theirs")
    )
    known = rows.join(users, on="user_id", how="left").join(titles, on="content_id", how="left")
    pairs = F.zip_with("own", "theirs", lambda own, theirs: own.cast("double") * theirs)
    product = F.aggregate(pairs, F.lit(0.0), lambda total, one: total + one)
    parts = [F.coalesce(part, F.lit(0.0)) for part in (F.col("user_bias"), F.col("title_bias"), product)]
    guess = F.lit(blend.mean).cast("double") + parts[0] + parts[1] + parts[2]
    scored = F.col("own").isNotNull() & F.col("theirs").isNotNull()
    # least and greatest skip nulls, and order NaN above all numbers: both would become the best rating
    clipped = F.greatest(F.lit(LOWEST), F.least(F.lit(HIGHEST), guess))
    prediction = F.when(F.abs(guess) < float("inf"), clipped)
    return known.select(*rows.columns, prediction.alias("prediction"), scored.alias("scored"))


def measure_values(predicted: DataFrame) -> DataFrame:
    """One row per model and metric of predicted ratings, compared with the given ratings.

    All models are measured on the same ratings: a model without a prediction for all has no RMSE or MAE.
    """
    error = F.col("rating") - F.col("prediction")
    is_complete = F.count(error) == F.count("*")
    means = predicted.groupBy("model").agg(
        F.when(is_complete, F.round(F.sqrt(F.avg(error * error)), 6)).alias("rmse"),
        F.when(is_complete, F.round(F.avg(F.abs(error)), 6)).alias("mae"),
        F.count("*").cast("double").alias("test_ratings"),
        F.count(F.when(~F.col("scored"), True)).cast("double").alias("unscored_ratings"),
    )
    return _stacked(means)


def _per_user() -> dict[str, Column]:
    """Each metric of one user from `ranks`, the ranks of the hits, and `wanted`, the number of relevant titles."""
    hits = F.size("ranks").cast("double")
    ideal = F.least("wanted", F.lit(CUTOFF)).cast("int")
    best = F.sequence(F.lit(1), ideal)
    precisions = F.transform("ranks", lambda rank, place: (place + 1) / rank)
    return {
        f"ndcg_at_{CUTOFF}": _sum(_gains(F.col("ranks"))) / _sum(_gains(best)),
        f"map_at_{CUTOFF}": _sum(precisions) / ideal,
        f"precision_at_{CUTOFF}": hits / CUTOFF,
        f"recall_at_{CUTOFF}": hits / F.col("wanted"),
        f"hit_rate_at_{CUTOFF}": (hits > 0).cast("double"),
    }


def _gains(ranks: Column) -> Column:
    return F.transform(ranks, lambda rank: 1 / F.log2(rank + 1.0))


def _sum(values: Column) -> Column:
    return F.aggregate(values, F.lit(0.0), lambda total, one: total + one)


def _stacked(wide: DataFrame) -> DataFrame:
    """One row of metrics per model, unpivoted to rows of model, metric and value; nulls are dropped."""
    names = [name for name in wide.columns if name != "model"]
    pairs = ", ".join(f"'{name}', {name}" for name in names)
    stacked = wide.selectExpr("model", f"stack({len(names)}, {pairs}) AS (metric, value)")
    return stacked.where(F.col("value").isNotNull() & ~F.isnan("value"))
