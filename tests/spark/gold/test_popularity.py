"""Counts per title and day, trends, and titles ranked by popularity."""

import datetime as dt

import pytest
from pyspark.sql import DataFrame, SparkSession

from gold.popularity import count_daily, order_titles
from tests.support.frames import assert_df_equality

EVENTS = (
    "content_id string, user_id string, action string, rating double, seconds_watched int,"
    " event_timestamp timestamp"
)
POPULARITY = (
    "content_id string, day date, views long, seconds_watched long, likes long, dislikes long,"
    " ratings long, mean_rating double, trend long"
)


def at(text: str) -> dt.datetime:
    return dt.datetime.fromisoformat(text).replace(tzinfo=dt.UTC)


def views(spark: SparkSession, *days: str) -> DataFrame:
    rows = [("t", "u", "view", None, 60, at(f"{day}T12:00:00")) for day in days]
    return spark.createDataFrame(rows, EVENTS)


def test_each_action_is_counted_in_its_own_column(spark: SparkSession) -> None:
    rows = [
        ("t", "u1", "view", None, 100, at("2026-03-01T00:00:00")),  # the day's first moment
        ("t", "u1", "view", None, None, at("2026-03-01T23:59:59.999999")),  # the day's last; seconds unknown
        ("t", "u2", "like", None, None, at("2026-03-01T10:00:00")),
        ("t", "u3", "dislike", None, None, at("2026-03-01T10:00:00")),
        ("t", "u4", "rating", 5.0, None, at("2026-03-01T10:00:00")),
        ("t", "u5", "rating", 2.5, None, at("2026-03-01T10:00:00")),
        ("s", "u1", "like", None, None, at("2026-03-01T10:00:00")),  # no rating: the mean is null, not 0
    ]
    day = dt.date(2026, 3, 1)
    expected = [("t", day, 2, 100, 1, 1, 2, 3.75, 6), ("s", day, 0, 0, 1, 0, 0, None, 1)]
    assert_df_equality(
        count_daily(spark.createDataFrame(rows, EVENTS), trend_days=7),
        spark.createDataFrame(expected, POPULARITY),
        ignore_nullable=True,
        ignore_row_order=True,
    )


@pytest.mark.parametrize(
    ("days", "trend"),
    [
        (["2026-03-10"], 1),  # nothing before: everything is new
        (["2026-03-10", "2026-03-10", "2026-03-09"], 3),  # 2 days: the 9th and the 10th
        (["2026-03-10", "2026-03-08", "2026-03-07"], -1),  # 1 in the last two days, 2 in the two before
        (["2026-03-10", "2026-03-06"], 1),  # the 6th is before both windows
        (["2026-03-10", "2026-03-07"], 0),  # the 7th is the last day of the window before
    ],
)
def test_trend_is_the_last_days_less_as_many_before(spark: SparkSession, days: list[str], trend: int) -> None:
    rows = count_daily(views(spark, *days), trend_days=2).where("day = '2026-03-10'").collect()
    assert [row["trend"] for row in rows] == [trend]


def test_a_day_without_events_has_no_row(spark: SparkSession) -> None:
    rows = count_daily(views(spark, "2026-02-28", "2026-03-02"), trend_days=1).orderBy("day").collect()
    # the two days before are not "the day before": windows are of days, not of rows
    assert [(row["day"].isoformat(), row["trend"]) for row in rows] == [("2026-02-28", 1), ("2026-03-02", 1)]


def test_no_feedback_gives_no_rows(spark: SparkSession) -> None:
    assert count_daily(views(spark), trend_days=7).collect() == []


def ordered(
    spark: SparkSession, events: list[tuple[object, ...]], fits: list[tuple[str, str]]
) -> list[tuple[object, ...]]:
    titles = spark.createDataFrame([("a",), ("b",), ("c",), ("c",)], "id string")  # c comes twice
    affinity = spark.createDataFrame(fits, "user_id string, content_id string")
    rows = order_titles(titles, spark.createDataFrame(events, EVENTS), affinity).orderBy("place").collect()
    return [(row["place"], row["content_id"], row["viewers"]) for row in rows]


def test_titles_are_ordered_by_users_then_fits_then_id(spark: SparkSession) -> None:
    day = at("2026-03-01T10:00:00")
    events: list[tuple[object, ...]] = [
        ("c", "u1", "view", None, 9, day),
        ("c", "u2", "rating", 5.0, None, day),  # two users: first
        ("b", "u1", "view", None, 9, day),
        ("b", "u1", "view", None, 9, day),  # one user, however often
        ("b", "u3", "dislike", None, None, day),  # a dislike does not count as a user who took to it
        ("a", "u9", "rating", 2.0, None, day),  # as many users as b: the affinity decides
        ("unknown", "u1", "view", None, 9, day),  # not a title of silver: no place
    ]
    assert ordered(spark, events, [("u1", "b"), ("u2", "b"), ("u1", "a")]) == [
        (1, "c", 2),
        (2, "b", 1),
        (3, "a", 1),
    ]


def test_without_feedback_the_fits_and_ids_decide(spark: SparkSession) -> None:
    assert ordered(spark, [], [("u1", "b")]) == [(1, "b", 0), (2, "a", 0), (3, "c", 0)]
