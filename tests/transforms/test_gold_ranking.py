"""Each user's list: its order, what it leaves out, and what fills it."""

from typing import Any

import pytest
from pyspark.sql import SparkSession

from gold.ranking import rank_titles

NAN = float("nan")
# A user's pair with a title: user, title, affinity rating, ALS prediction.
Scored = tuple[str, str, float, float]
POPULAR = [("p1", 1, 4.0), ("p2", 2, 3.0), ("p3", 3, 3.5), ("a", 4, 3.0), ("b", 5, 3.0), ("c", 6, 3.0)]


def rank(
    spark: SparkSession,
    scored: list[Scored],
    *,
    popular: list[tuple[str, int, float]] = POPULAR,
    users: tuple[str, ...] = ("u",),
    seen: tuple[tuple[str, str], ...] = (),
    titles_per_user: int = 3,
) -> list[tuple[Any, ...]]:
    ranked = rank_titles(
        spark.createDataFrame(scored, "user_id string, content_id string, rating double, prediction double"),
        spark.createDataFrame(popular, "content_id string, place int, expected_rating double"),
        spark.createDataFrame([(user,) for user in users], "id string"),
        spark.createDataFrame(list(seen), "user_id string, content_id string"),
        titles_per_user=titles_per_user,
        model_version="als-test",
    )
    rows = ranked.orderBy("user_id", "rank").collect()
    assert all(row["model_version"] == "als-test" for row in rows)
    return [tuple(row)[:-1] for row in rows]


def test_order_is_prediction_then_affinity_then_id(spark: SparkSession) -> None:
    scored = [
        ("u", "c", 5.0, 3.0),  # best affinity, worst prediction of the three kept
        ("u", "b", 2.0, 4.0),  # tied with a in both: the id decides
        ("u", "a", 2.0, 4.0),
        ("u", "p1", 4.9, 2.0),  # fourth of three
    ]
    assert rank(spark, scored) == [
        ("u", "a", 1, 4.0, "als"),
        ("u", "b", 2, 4.0, "als"),
        ("u", "c", 3, 3.0, "als"),
    ]


def test_affinity_decides_between_equal_predictions(spark: SparkSession) -> None:
    scored = [("u", "a", 2.0, 4.0), ("u", "b", 3.0, 4.0)]
    assert [row[1] for row in rank(spark, scored, titles_per_user=2)] == ["b", "a"]


def test_sources_in_their_order_and_ratings_that_never_rise(spark: SparkSession) -> None:
    scored = [
        ("u", "a", 2.0, 2.5),
        ("u", "b", 4.5, NAN),  # ALS cannot tell: after what it can, and its 4.5 must not rise above 2.5
        ("u", "c", 2.0, NAN),
    ]
    assert rank(spark, scored, titles_per_user=5) == [
        ("u", "a", 1, 2.5, "als"),
        ("u", "b", 2, 2.5, "affinity"),
        ("u", "c", 3, 2.0, "affinity"),
        ("u", "p1", 4, 2.0, "popularity"),
        ("u", "p2", 5, 2.0, "popularity"),
    ]


def test_predictions_are_clipped_to_the_scale(spark: SparkSession) -> None:
    scored = [("u", "a", 2.0, 5.7), ("u", "b", 2.0, 5.3), ("u", "c", 2.0, 0.2)]
    # 5.7 stays before 5.3 although both are shown as 5
    assert [row[1:4] for row in rank(spark, scored)] == [("a", 1, 5.0), ("b", 2, 5.0), ("c", 3, 1.0)]


def test_a_user_without_tastes_gets_what_is_popular(spark: SparkSession) -> None:
    assert rank(spark, []) == [
        ("u", "p1", 1, 4.0, "popularity"),
        ("u", "p2", 2, 3.0, "popularity"),
        ("u", "p3", 3, 3.0, "popularity"),  # expected 3.5, but a rating never rises with rank
    ]


def test_titles_with_feedback_are_not_recommended(spark: SparkSession) -> None:
    scored = [("u", "a", 4.0, 4.0), ("u", "b", 3.0, 3.0), ("v", "a", 2.0, 2.0)]
    seen = (("u", "a"), ("u", "a"), ("u", "p1"))  # twice rated, once watched
    assert [row[:3] for row in rank(spark, scored, users=("u", "v"), seen=seen)] == [
        ("u", "b", 1),
        ("u", "p2", 2),
        ("u", "p3", 3),
        ("v", "a", 1),  # another user's feedback is not v's
        ("v", "p1", 2),
        ("v", "p2", 3),
    ]


def test_a_user_who_has_seen_nearly_all_gets_what_is_left(spark: SparkSession) -> None:
    seen = tuple(("u", title) for title in ("p1", "p2", "p3", "a", "b"))
    assert [row[:3] for row in rank(spark, [("u", "b", 4.0, 4.0)], seen=seen)] == [("u", "c", 1)]


def test_a_user_who_has_seen_all_gets_nothing(spark: SparkSession) -> None:
    seen = tuple(("u", title) for title, _, _ in POPULAR)
    assert rank(spark, [("u", "b", 4.0, 4.0)], seen=seen) == []


def test_fillers_do_not_repeat_a_title_of_the_list(spark: SparkSession) -> None:
    scored = [("u", "p1", 4.0, 4.0), ("u", "p2", 3.0, 3.5)]
    assert [row[1] for row in rank(spark, scored, titles_per_user=4)] == ["p1", "p2", "p3", "a"]


def test_users_and_titles_that_silver_no_longer_has_are_left_out(spark: SparkSession) -> None:
    scored = [("u", "deleted", 5.0, 5.0), ("gone", "a", 5.0, 5.0), ("u", "a", 4.0, 4.0)]
    assert [row[:2] for row in rank(spark, scored, titles_per_user=1)] == [("u", "a")]


@pytest.mark.parametrize(
    ("users", "seen"),
    [(("u", "u"), (("u", "p1"),)), (("u",), (("u", "p1"), ("u", "p1")))],
    ids=["users", "feedback"],
)
def test_rows_that_come_twice_do_not_multiply_the_list(
    spark: SparkSession, users: tuple[str, ...], seen: tuple[tuple[str, str], ...]
) -> None:
    got = rank(spark, [("u", "a", 4.0, 4.0)], users=users, seen=seen)
    assert [row[1:3] for row in got] == [("a", 1), ("p2", 2), ("p3", 3)]
