"""Measure models on each user's later events: which rows they train on, and their metrics."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import reduce

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from gold.affinity.cosine import index_titles, title_tastes
from gold.affinity.features import FeatureWeights as AffinityWeights
from gold.affinity.title_index import TitleIndex
from gold.evaluation.baselines import mean_only, reweighted, train_explicit, train_implicit
from gold.evaluation.figures import CUTOFF
from gold.evaluation.measures import Audience, measure_lists, measure_values, predict
from gold.evaluation.metrics import BLEND, MEAN, POPULARITY
from gold.evaluation.splits import split_by_time, unseen
from gold.inputs import held
from gold.popularity import order_titles
from gold.recommender.blend import Blend, Recipe, held_blend, train_blend
from gold.recommender.lists import describe_users, make_lists
from gold.recommender.preferences import latest_ratings, liked_titles
from gold.recommender.titles import join_titles

_PAIRS = "user_id string, content_id string, rating double"


@dataclass(frozen=True)
class Exam:
    """`training` is everything models may train on; `relevant` and `ratings` are what they are measured on.

    `features` has the users with held-out events, without features: declared tastes may have been derived from all
    of a user's ratings, held-out ones included. For the same reason nobody has an affinity rating.
    """

    training: DataFrame
    relevant: DataFrame
    ratings: DataFrame
    features: DataFrame
    index: TitleIndex
    popular: DataFrame
    facts: Audience
    partitions: int


@contextmanager
def exam_of(
    feedback: DataFrame,
    titles: DataFrame,
    *,
    share: float,
    liked_from: float,
    affinity_weights: AffinityWeights,
    partitions: int,
) -> Iterator[Exam]:
    """Hold out the last `share` of each user's events; measure only on pairs that are not in the rest."""
    split = split_by_time(feedback, share=share)
    nobody = feedback.sparkSession.createDataFrame([], _PAIRS)
    with (
        held(split.training) as training,
        held(unseen(split.holdout, training)) as holdout,
        held(order_titles(titles, training, nobody)) as popular,
    ):
        users = training.agg(F.count_distinct("user_id").alias("users")).collect()[0]["users"]
        index = index_titles(title_tastes(titles), weights=affinity_weights)
        asked = split.holdout.select("user_id").distinct()
        yield Exam(
            training=training,
            relevant=liked_titles(holdout, liked_from=liked_from),
            ratings=latest_ratings(holdout),
            features=asked.withColumn("features", F.array().cast("array<string>")),
            index=index,
            popular=popular,
            facts=Audience(len(index.content_ids), users, popular.select("content_id", "viewers")),
            partitions=partitions,
        )


def measure_published(exam: Exam, *, recipe: Recipe) -> dict[str, dict[str, float]]:
    """The blend, trained on the training rows, next to popularity and predicting the mean: metrics by model."""
    with held_blend(train_blend(exam.training, recipe=recipe)) as blend:
        lists = {BLEND: blend, POPULARITY: reweighted(blend, popularity=1)}
        return measure(exam, recipe, lists=lists, values={BLEND: blend, MEAN: mean_only(blend)})


def measure_blend(exam: Exam, *, recipe: Recipe) -> dict[str, float]:
    """The metrics of the blend alone, trained on the training rows."""
    with held_blend(train_blend(exam.training, recipe=recipe)) as blend:
        return measure(exam, recipe, lists={BLEND: blend}, values={BLEND: blend})[BLEND]


def measure_all(exam: Exam, *, recipe: Recipe) -> dict[str, dict[str, float]]:
    """The blend next to every baseline, each trained on the training rows: metrics by model."""
    with (
        held_blend(train_blend(exam.training, recipe=recipe)) as blend,
        held_blend(train_explicit(exam.training, recipe=recipe, mean=blend.mean)) as explicit,
        held_blend(train_implicit(exam.training, recipe=recipe)) as implicit,
    ):
        lists = {
            BLEND: blend,
            "blend_factors": reweighted(blend, factors=1),
            "implicit_als": implicit,
            "explicit_als": explicit,
            "affinity": reweighted(blend, taste=1),
            POPULARITY: reweighted(blend, popularity=1),
        }
        values = {BLEND: blend, "explicit_als": explicit, MEAN: mean_only(blend)}
        return measure(exam, recipe, lists=lists, values=values)


def measure(
    exam: Exam, recipe: Recipe, *, lists: Mapping[str, Blend], values: Mapping[str, Blend]
) -> dict[str, dict[str, float]]:
    """Metrics by model; a metric that cannot be computed is absent, and its count of measured rows is 0."""
    nobody = exam.training.sparkSession.createDataFrame([], _PAIRS)
    described = describe_users(exam.features, exam.training, nobody, evidence=recipe.evidence)
    # models that differ only in their weights know the same titles
    distinct = {id(blend.titles): blend for blend in lists.values()}
    titles = {key: join_titles(exam.index, blend, exam.popular) for key, blend in distinct.items()}
    with held(described) as users:
        made = [
            make_lists(
                users,
                blend,
                titles[id(blend.titles)],
                titles_per_user=CUTOFF,
                partitions=exam.partitions,
                model_version=model,
            ).withColumnRenamed("model_version", "model")
            for model, blend in lists.items()
        ]
        predicted = [
            predict(blend, exam.ratings).withColumn("model", F.lit(model)) for model, blend in values.items()
        ]
        with held(_union(made)) as all_lists:
            ranked = measure_lists(all_lists, exam.relevant, exam.facts, models=[*lists])
            rows = ranked.unionByName(measure_values(_union(predicted))).collect()
    measured: dict[str, dict[str, float]] = {model: {} for model in {**lists, **values}}
    for model in lists:
        measured[model]["test_users"] = 0.0
    for model in values:
        measured[model] |= {"test_ratings": 0.0, "unscored_ratings": 0.0}
    for row in rows:
        measured[row["model"]][row["metric"]] = row["value"]
    return measured


def _union(frames: list[DataFrame]) -> DataFrame:
    return reduce(DataFrame.unionByName, frames)
