"""What feedback says about a user and a title, and which of it is held out."""

import datetime as dt
import math

import pytest
from pyspark.sql import DataFrame, SparkSession

from gold.evaluation.splits import split_by_time, unseen
from gold.recommender.biases import Shrinkage, deviations, fit_biases
from gold.recommender.preferences import Evidence, latest_ratings, liked_titles, weigh_preferences

EVENTS = (
    "id string, user_id string, content_id string, action string, rating double, seconds_watched int, "
    "event_timestamp timestamp"
)
NEVER_FADES = Evidence(liked_from=4.0, like=0.8, view=0.5, dislike=0.3, recency_titles=1e12)


def events(spark: SparkSession, *rows: tuple[str, str, str, float | None, int]) -> DataFrame:
    """Events of (user, title, action, rating, minute)."""
    start = dt.datetime(2026, 3, 1, tzinfo=dt.UTC)
    full = [
        (f"f{n}", user, title, action, rating, None, start + dt.timedelta(minutes=minute))
        for n, (user, title, action, rating, minute) in enumerate(rows)
    ]
    return spark.createDataFrame(full, EVENTS)


def weighed(feedback: DataFrame, evidence: Evidence) -> dict[tuple[str, str], float]:
    rows = weigh_preferences(feedback, evidence=evidence).collect()
    assert len(rows) == len({tuple(row)[:2] for row in rows})  # one row per pair
    return {(row["user_id"], row["content_id"]): round(row["confidence"], 6) for row in rows}


def test_each_kind_of_feedback_has_its_weight(spark: SparkSession) -> None:
    feedback = events(
        spark,
        ("u", "rated", "rating", 4.0, 1),  # counts as one like
        ("u", "low", "rating", 3.5, 2),  # counts neither way
        ("u", "liked", "like", None, 3),
        ("u", "viewed", "view", None, 4),
        ("u", "viewed", "view", None, 5),  # twice counts once
        ("u", "disliked", "dislike", None, 6),
        ("v", "disliked", "like", None, 7),  # without this, nobody would have taken to the title
        ("w", "rated", "dislike", None, 8),  # w took to nothing: nothing to learn
        ("u", "hated", "dislike", None, 9),  # nobody took to it
    )
    assert weighed(feedback, NEVER_FADES) == {
        ("u", "rated"): 1.0,
        ("u", "liked"): 0.8,
        ("u", "viewed"): 0.5,
        ("u", "disliked"): -0.3,
        ("v", "disliked"): 0.8,
    }


def test_the_last_verdict_decides_and_a_view_is_none(spark: SparkSession) -> None:
    feedback = events(
        spark,
        ("u", "a", "rating", 5.0, 1),
        ("u", "a", "dislike", None, 2),  # changed their mind
        ("u", "a", "view", None, 3),  # still watched it afterwards
        ("u", "b", "dislike", None, 1),
        ("u", "b", "rating", 4.5, 2),
        ("v", "a", "like", None, 1),
    )
    assert weighed(feedback, NEVER_FADES) == {("u", "a"): -0.3, ("u", "b"): 1.0, ("v", "a"): 0.8}
    liked = {tuple(row) for row in liked_titles(feedback, liked_from=4.0).collect()}
    assert liked == {("u", "b"), ("v", "a")}
    assert [
        (row["content_id"], row["rating"]) for row in latest_ratings(feedback).orderBy("rating").collect()
    ] == [
        ("b", 4.5),
        ("a", 5.0),
    ]


def test_older_preferences_fade_one_by_one(spark: SparkSession) -> None:
    feedback = events(
        spark,
        ("u", "c", "rating", 5.0, 1),
        ("u", "a", "rating", 5.0, 2),
        ("u", "b", "rating", 5.0, 2),  # at the same time: the later id is newer
        ("u", "x", "rating", 1.0, 3),  # not a preference: makes nothing older
        ("v", "a", "rating", 5.0, 9),  # another user's
    )
    once, twice = round(math.exp(-1 / 2), 6), round(math.exp(-2 / 2), 6)
    assert weighed(feedback, NEVER_FADES._replace(recency_titles=2.0)) == {
        ("u", "b"): 1.0,
        ("u", "a"): once,
        ("u", "c"): twice,
        ("v", "a"): 1.0,
    }


def test_what_has_faded_is_a_preference_still(spark: SparkSession) -> None:
    feedback = events(spark, *(("u", f"t{n}", "like", None, n) for n in range(3)))
    assert weighed(feedback, NEVER_FADES._replace(recency_titles=0.001))["u", "t0"] == 1e-6


@pytest.mark.parametrize(("count", "held"), [(1, 1), (4, 1), (5, 1), (6, 2), (10, 2)])
def test_the_last_fifth_rounded_up_is_held_out(spark: SparkSession, count: int, held: int) -> None:
    feedback = events(spark, *(("u", f"t{n}", "view", None, 100 - n) for n in range(count)))
    split = split_by_time(feedback, share=0.2)
    # the lower the number, the later the event
    assert sorted(row["content_id"] for row in split.holdout.collect()) == [f"t{n}" for n in range(held)]
    assert sorted(row["content_id"] for row in split.training.collect()) == [f"t{n}" for n in range(held, count)]


def test_events_of_one_moment_are_split_by_title_then_id(spark: SparkSession) -> None:
    feedback = events(spark, *(("u", title, "view", None, 1) for title in ("b", "c", "a", "c")))
    split = split_by_time(feedback.repartition(3, "content_id"), share=0.2)
    assert [(row["content_id"], row["id"]) for row in split.holdout.collect()] == [("c", "f3")]
    assert split.training.columns == feedback.columns


def test_a_pair_that_training_has_is_not_asked(spark: SparkSession) -> None:
    training = events(spark, ("u", "a", "view", None, 1), ("u", "a", "view", None, 2))
    holdout = events(
        spark, ("u", "a", "rating", 5.0, 3), ("u", "b", "rating", 5.0, 4), ("v", "a", "like", None, 5)
    )
    assert {tuple(row)[:2] for row in unseen(holdout, training).collect()} == {("u", "b"), ("v", "a")}


def test_biases_are_shrunken_and_the_last_ratings_weigh_most(spark: SparkSession) -> None:
    feedback = events(
        spark, ("u", "a", "rating", 5.0, 1), ("u", "b", "rating", 3.0, 2), ("v", "a", "rating", 4.0, 1)
    )
    ratings = latest_ratings(feedback)
    biases = fit_biases(ratings, shrinkage=Shrinkage(title=2.0, user=1.0, recency_ratings=1.0))
    assert biases.mean == 4.0
    titles = {row["content_id"]: row["bias"] for row in biases.titles.collect()}
    assert titles == {"a": 0.25, "b": -0.333333}  # (1 + 0) / (2 + 2), -1 / (1 + 2)
    users = {row["user_id"]: row["bias"] for row in biases.users.collect()}
    older = math.exp(-1)
    expected = (older * (1 - 0.25) + (-1 + 0.333333)) / (older + 1 + 1)
    assert users == {"u": pytest.approx(expected, abs=1e-5), "v": pytest.approx(-0.25 / 2, abs=1e-5)}
    left = {tuple(row)[:2]: row["deviation"] for row in deviations(ratings, biases).collect()}
    assert left["v", "a"] == pytest.approx(4.0 - 4.0 - 0.25 + 0.125)


def test_nobody_rated_anything(spark: SparkSession) -> None:
    ratings = latest_ratings(events(spark, ("u", "a", "like", None, 1)))
    biases = fit_biases(ratings, shrinkage=Shrinkage(1.0, 1.0, 1.0))
    assert (biases.mean, biases.users.collect(), deviations(ratings, biases).collect()) == (None, [], [])
