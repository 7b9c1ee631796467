"""Little data and odd data: sensible lists or an empty table, never NaN."""

import datetime as dt
import math
from collections.abc import Iterator
from pathlib import Path

import pytest
from pyspark.sql import Row, SparkSession

from gold import evaluate, export_powerbi, rate_affinity, recommend
from gold.affinity.features import FeatureWeights
from gold.evaluation.holdout import exam_of, measure_published
from gold.evaluation.metrics import BLEND, MEAN
from gold.evaluation.reporting import print_models
from gold.evaluation.tuning import best_trials, in_order, score_of, search
from gold.recommender.factors import checkpoint_folder
from gold.recommender.recipes import Recipe, recipe_of
from lakehouse.exports import RECOMMENDATIONS_CSV, export_path
from lakehouse.history.acceptance import without_gate
from lakehouse.settings import Settings, load_settings
from lakehouse.spark.lakehouse import SparkLakehouse
from lakehouse.tables import (
    GOLD_METRICS,
    GOLD_RECOMMENDATIONS,
    GOLD_TRIALS,
    SILVER_CONTENT,
    SILVER_FEEDBACK,
    SILVER_USERS,
)
from tests.support import delta_tables
from tests.support.small import with_quick_models

NOON = dt.datetime(2026, 3, 1, 12, tzinfo=dt.UTC)
SOURCE = (NOON, NOON, "topic", 0, 0)
BIG = "90071992547409931"  # one more than a double can distinguish

Event = tuple[str, str, str, float | None]


@pytest.fixture
def quick(tmp_path: Path) -> Settings:
    return with_quick_models(load_settings()).model_copy(update={"root": str(tmp_path / "lakehouse")})


def fill(
    root: str,
    *,
    users: dict[str, list[str]],
    titles: dict[str, list[str]],
    events: list[Event],
) -> None:
    """Users and titles with their genres, and events of (user, title, action, rating), one minute apart."""
    silver_users = [(id_, id_, None, genres, [], [], None, [], *SOURCE) for id_, genres in users.items()]
    content = [(id_, "movie", id_, genres, [], [], *[None] * 4, *SOURCE) for id_, genres in titles.items()]
    feedback = [
        (f"f{n}", user, title, action, rating, None, NOON + dt.timedelta(minutes=n), *SOURCE[1:])
        for n, (user, title, action, rating) in enumerate(events)
    ]
    for table, rows in ((SILVER_USERS, silver_users), (SILVER_CONTENT, content), (SILVER_FEEDBACK, feedback)):
        delta_tables.fill(root, table, rows)


def recommended(spark: SparkSession, settings: Settings) -> dict[str, list[Row]]:
    """The lists after all jobs, by user; checks that every number in gold is finite."""
    lake = SparkLakehouse(settings.root, spark)
    with without_gate():  # these tables were not checked: tests/spark/quality does that
        for job in (rate_affinity, recommend, export_powerbi):
            job.run(spark, settings)
    assert all(math.isfinite(row["value"]) for row in lake.read(GOLD_METRICS).collect())
    lists: dict[str, list[Row]] = {}
    for row in lake.read(GOLD_RECOMMENDATIONS).orderBy("user_id", "rank").collect():
        lists.setdefault(row["user_id"], []).append(row)
    for places in lists.values():
        assert [row["rank"] for row in places] == list(range(1, len(places) + 1))
        ratings = [row["predicted_rating"] for row in places]
        assert all(0.5 <= rating <= 5 for rating in ratings)
        assert ratings == sorted(ratings, reverse=True)
    return lists


def test_without_feedback_affinity_then_popularity(spark: SparkSession, quick: Settings) -> None:
    fill(
        quick.root,
        users={"fan": ["drama"], "blank": []},
        titles={"a": ["comedy"], "b": ["drama"]},
        events=[],
    )
    lists = recommended(spark, quick)
    assert [(row["content_id"], row["source"]) for row in lists["fan"]] == [("b", "affinity"), ("a", "popularity")]
    # nobody has rated: the predicted rating is the affinity, or else the middle of the scale
    assert [row["predicted_rating"] for row in lists["fan"]] == [5.0, 3.0]
    # b has a fan, whose tastes it fits
    assert [(row["content_id"], row["source"]) for row in lists["blank"]] == [
        ("b", "popularity"),
        ("a", "popularity"),
    ]
    # no events, so nothing to measure except the counts
    assert evaluate.run(spark, quick)[BLEND] == {"test_users": 0.0, "test_ratings": 0.0, "unscored_ratings": 0.0}


def test_nothing_at_all_is_an_empty_table_and_a_header(spark: SparkSession, quick: Settings) -> None:
    fill(quick.root, users={}, titles={}, events=[])
    assert recommended(spark, quick) == {}
    csv = Path(export_path(quick.root, RECOMMENDATIONS_CSV)).read_text(encoding="utf-8-sig")
    assert csv.strip() == "userId,recommended_content,titulo,predicted_rating"


def test_one_user_who_has_rated_the_one_title(spark: SparkSession, quick: Settings) -> None:
    fill(quick.root, users={"u": ["drama"]}, titles={"a": ["drama"]}, events=[("u", "a", "rating", 5.0)])
    assert recommended(spark, quick) == {}


def test_equal_ratings_a_full_history_long_ids_and_a_new_title(spark: SparkSession, quick: Settings) -> None:
    """All ratings are 4; `all` has seen every title; ids are numbers too long for a double; `new` is new."""
    titles = {f"{BIG}{n}": ["drama"] if n < 4 else ["comedy"] for n in range(8)}
    drama, comedy = list(titles)[:4], list(titles)[4:]
    everything = {**titles, "new": ["drama"]}
    users: dict[str, list[str]] = {f"{BIG}1": [], f"{BIG}2": [], "all": [], "low": ["comedy"], "gone": []}
    events: list[Event] = [
        *[(f"{BIG}1", title, "rating", 4.0) for title in drama[:3]],
        *[(f"{BIG}2", title, "rating", 4.0) for title in comedy[:3]],
        *[("all", title, "view", None) for title in everything if title != "new"],
        ("all", "new", "dislike", None),
        ("low", comedy[0], "dislike", None),
        ("gone", "deleted", "like", None),  # silver no longer has the title
    ]
    fill(quick.root, users=users, titles=everything, events=events)
    lists = recommended(spark, quick)
    assert "all" not in lists
    assert {user: len(places) for user, places in lists.items()} == {
        f"{BIG}1": 6,
        f"{BIG}2": 6,
        "low": 8,
        "gone": 9,
    }
    assert {row["predicted_rating"] for row in lists[f"{BIG}1"]} == {4.0}
    # nobody took to the new title, yet it ranks before all comedies: its features are those of the liked titles
    order = [row["content_id"] for row in lists[f"{BIG}1"]]
    assert order.index("new") < min(order.index(title) for title in comedy)
    sources = {row["content_id"]: row["source"] for row in lists[f"{BIG}1"]}
    assert (sources["new"], sources[drama[3]]) == ("affinity", "als")
    # users who took to nothing get what fits their tastes, not what they disliked
    assert [row["source"] for row in lists["low"]][:4] == ["affinity"] * 3 + ["popularity"]
    assert comedy[0] not in {row["content_id"] for row in lists["low"]}


@pytest.fixture
def checkpoints(spark: SparkSession, tmp_path: Path) -> Iterator[None]:
    with checkpoint_folder(SparkLakehouse(str(tmp_path), spark)):
        yield


@pytest.mark.usefixtures("checkpoints")
def test_users_the_model_does_not_know_are_measured_too(spark: SparkSession, quick: Settings) -> None:
    """`once` has one event, which is held out: training has never seen the user."""
    events: list[Event] = [("u", f"t{n}", "rating", 5.0) for n in range(5)]
    events += [("v", f"t{n}", "rating", 4.0) for n in range(5)]
    events += [("once", "t0", "rating", 5.0)]
    fill(quick.root, users={}, titles={f"t{n}": ["g"] for n in range(6)}, events=events)
    feedback, content = (
        SparkLakehouse(quick.root, spark).read(table) for table in (SILVER_FEEDBACK, SILVER_CONTENT)
    )
    weights = FeatureWeights(1.0, 1.0, 1.0, 1.0, 1.0)
    with exam_of(feedback, content, share=0.2, liked_from=4.0, affinity_weights=weights, partitions=2) as exam:
        measured = measure_published(exam, recipe=recipe_of(quick.gold))
    assert (measured[BLEND]["test_users"], measured[BLEND]["test_ratings"]) == (3.0, 3.0)
    assert measured[BLEND]["unscored_ratings"] == 3.0  # `once`, and t4, which is not in training
    assert all(math.isfinite(value) for value in measured[BLEND].values())


@pytest.mark.usefixtures("checkpoints")
def test_one_rating_each_leaves_nothing_to_predict_from(
    spark: SparkSession, quick: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    """30 users with one rating each: all are held out, so training has no user and no rating."""
    events: list[Event] = [(f"u{n}", f"t{n}", "rating", 1.0 + n % 5) for n in range(30)]
    fill(quick.root, users={}, titles={f"t{n}": ["g"] for n in range(40)}, events=events)
    feedback, content = (
        SparkLakehouse(quick.root, spark).read(table) for table in (SILVER_FEEDBACK, SILVER_CONTENT)
    )
    weights = FeatureWeights(1.0, 1.0, 1.0, 1.0, 1.0)
    with exam_of(feedback, content, share=0.2, liked_from=4.0, affinity_weights=weights, partitions=2) as exam:
        measured = measure_published(exam, recipe=recipe_of(quick.gold))
    counts = {"test_ratings": 30.0, "unscored_ratings": 30.0}
    assert measured[MEAN] == counts
    own = {metric: measured[BLEND].get(metric) for metric in (*counts, "test_users", "rmse", "mae", "novelty")}
    assert own == {**counts, "test_users": 12.0, "rmse": None, "mae": None, "novelty": None}
    # lists can still be made and measured
    assert measured[BLEND]["coverage"] == 0.25
    print_models(measured)
    assert capsys.readouterr().out.splitlines()[-1].endswith(": novelty, rmse, mae")


def test_a_trial_that_lacks_a_metric_is_behind_those_that_have_it(spark: SparkSession) -> None:
    """A missing RMSE, or NaN, would otherwise be the lowest."""
    trials = {
        0: {"ndcg_at_10": 0.1, "coverage": 0.1, "rmse": 0.9},
        1: {"ndcg_at_10": 0.1, "coverage": 0.1},
        2: {"ndcg_at_10": 0.1, "coverage": 0.1, "rmse": float("nan")},
        3: {"ndcg_at_10": 0.1, "coverage": 0.1, "rmse": 0.8},
        4: {"ndcg_at_10": 0.2, "coverage": 0.1},
        5: {},
    }
    rows = [(f"t{number}", number, metrics, score_of(metrics)) for number, metrics in trials.items()]
    schema = "trial_id string, number int, metrics map<string, double>, score double"
    ordered = in_order(spark.createDataFrame(rows, schema)).collect()
    assert [row["number"] for row in ordered][:2] == [3, 0]
    assert {row["number"] for row in ordered[2:5]} == {1, 2, 4}
    assert ordered[5]["number"] == 5


def test_a_search_that_is_stopped_in_its_first_trial_leaves_no_empty_table(
    spark: SparkSession, quick: Settings
) -> None:
    """Gold's gate would report it as an error until the next search."""

    lake = SparkLakehouse(quick.root, spark)

    def interrupted(_: Recipe) -> dict[str, float]:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        search(
            lake,
            data_id="data",
            base=recipe_of(quick.gold),
            seed=1,
            minutes=1,
            measure=interrupted,
            tell=lambda _: None,
        )
    assert not lake.exists(GOLD_TRIALS)


def test_a_search_goes_on_where_it_ended(
    spark: SparkSession, quick: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    lake = SparkLakehouse(quick.root, spark)
    events: list[Event] = [
        (f"u{u}", f"t{(u + n) % 9}", "rating", 5.0 - (u + n) % 2) for u in range(4) for n in range(8)
    ]
    fill(quick.root, users={}, titles={f"t{n}": ["g"] for n in range(9)}, events=events)
    # the time is up after one trial each: the settings' own, then the first random one
    for number in range(2):
        best = evaluate.tune(spark, quick, minutes=1e-9)
        assert len(best) == number + 1
        assert f"trial {number}: ndcg_at_10 " in capsys.readouterr().err
    trials = lake.read(GOLD_TRIALS).orderBy("number").collect()
    assert [row["number"] for row in trials] == [0, 1]
    assert trials[0]["parameters"]["als.rank_1"] == 2.0
    assert [row["score"] for row in best] == sorted((row["score"] for row in trials), reverse=True)
    again = best_trials(lake, data_id=trials[0]["data_id"], count=1).collect()
    assert again == best[:1]
