"""How lists and values are measured, and that held-out rows are never learnt."""

import datetime as dt
import math
from collections.abc import Iterator
from pathlib import Path

import pytest
from pyspark.sql import DataFrame, SparkSession

from gold.affinity.features import FeatureWeights
from gold.evaluation.holdout import Exam, exam_of, measure_all
from gold.evaluation.measures import Audience, measure_lists, measure_values, predict
from gold.evaluation.metrics import describe_models, replace_models
from gold.evaluation.reporting import print_models
from gold.recommender.blend import Blend
from gold.recommender.factors import checkpoint_folder
from gold.recommender.recipes import recipe_of
from gold.recommender.scoring import BlendWeights
from lakehouse.settings import load_settings
from lakehouse.spark.lakehouse import SparkLakehouse

EVENTS = (
    "id string, user_id string, content_id string, action string, rating double, seconds_watched int, "
    "event_timestamp timestamp"
)
CONTENT = (
    "id string, generos array<string>, directores array<string>, actores array<string>, clasificacion string, "
    "decada_lanzamiento string"
)
START = dt.datetime(2026, 3, 1, tzinfo=dt.UTC)
USERS, LEARNT = 6, 4
# last by id, so that among titles without viewers it comes after ten others
LEAK = "zz-leak"


@pytest.fixture(autouse=True)
def checkpoints(spark: SparkSession, tmp_path: Path) -> Iterator[None]:
    with checkpoint_folder(SparkLakehouse(str(tmp_path), spark)):
        yield


def planted(spark: SparkSession) -> DataFrame:
    """All training ratings are 3; all held-out ones are 5, for a title that nobody had before.

    Each user has LEARNT events and then LEAK. The last event of u0 is a second rating of a title from before.
    """
    rows = [
        (f"{u}-{n}", f"u{u}", f"t{(u + n) % 8}", "rating" if n % 2 else "like", 3.0 if n % 2 else None, n)
        for u in range(USERS)
        for n in range(LEARNT)
    ]
    rows += [(f"{u}-last", f"u{u}", LEAK, "rating", 5.0, 90) for u in range(1, USERS)]
    rows += [("0-again", "u0", "t1", "rating", 5.0, 90)]
    full = [(*row[:5], None, START + dt.timedelta(minutes=row[5])) for row in rows]
    return spark.createDataFrame(full, EVENTS)


@pytest.fixture
def exam(spark: SparkSession) -> Iterator[Exam]:
    names = [*(f"t{n}" for n in range(14)), LEAK]
    content = spark.createDataFrame([(name, ["g"], [], [], None, None) for name in names], CONTENT)
    weights = FeatureWeights(1.0, 1.0, 1.0, 1.0, 1.0)
    with exam_of(
        planted(spark), content, share=0.2, liked_from=4.0, affinity_weights=weights, partitions=2
    ) as made:
        yield made


def test_a_planted_leak_reaches_no_model_and_no_question(exam: Exam, capsys: pytest.CaptureFixture[str]) -> None:
    assert exam.training.where("content_id = 'zz-leak'").count() == 0
    assert exam.training.count() == USERS * LEARNT
    # u0 is not measured on the title that training has
    asked = {tuple(row)[:2] for row in exam.ratings.collect()}
    assert asked == {tuple(row) for row in exam.relevant.collect()} == {(f"u{u}", LEAK) for u in range(1, USERS)}

    gold = load_settings().gold
    recipe = recipe_of(gold)
    recipe = recipe._replace(
        order=tuple(fit._replace(rank=2, iterations=2) for fit in recipe.order[:2]),
        value=recipe.value._replace(rank=2, iterations=2),
    )
    measured = measure_all(exam, recipe=recipe)
    # One held-out 5 in the mean, a bias or the factors would move every prediction closer to 5.
    assert {model: metrics["rmse"] for model, metrics in measured.items() if "rmse" in metrics} == {
        "blend": 2.0,
        "explicit_als": 2.0,
        "mean": 2.0,
    }
    # Five viewers would make it the most popular title; in training nobody has watched it.
    assert measured["popularity"]["ndcg_at_10"] == 0.0
    assert {metrics["test_users"] for metrics in measured.values() if "test_users" in metrics} == {5.0}
    for metrics in measured.values():
        assert all(math.isfinite(value) for value in metrics.values())

    print_models(measured)
    header, *lines = capsys.readouterr().out.splitlines()
    assert header.split() == ["metric", *measured]
    assert [line.split()[0] for line in lines][:2] == ["ndcg_at_10", "map_at_10"]


def test_measures_of_lists_by_hand(spark: SparkSession) -> None:
    lists = [
        *[("m", "u1", f"t{rank}", rank) for rank in range(1, 11)],
        ("m", "u1", "t11", 11),  # beyond the cutoff
        ("m", "u2", "t1", 1),
    ]
    relevant = [("u1", "t1"), ("u1", "t4"), ("u1", "t11"), ("u2", "t9"), ("u3", "t1")]  # u3 has no list
    viewers = spark.createDataFrame([("t1", 4), ("t2", 1)], "content_id string, viewers int")
    rows = measure_lists(
        spark.createDataFrame(lists, "model string, user_id string, content_id string, rank int"),
        spark.createDataFrame(relevant, "user_id string, content_id string"),
        Audience(catalogue=20, users=4, viewers=viewers),
        models=["m"],
    ).collect()
    found = {row["metric"]: row["value"] for row in rows}
    ideal = 1 + 1 / math.log2(3) + 1 / 2
    assert found == {
        "ndcg_at_10": pytest.approx((1 + 1 / math.log2(5)) / ideal / 3, abs=1e-6),
        "map_at_10": pytest.approx((1 / 1 + 2 / 4) / 3 / 3, abs=1e-6),
        "precision_at_10": pytest.approx(2 / 10 / 3, abs=1e-6),
        "recall_at_10": pytest.approx(2 / 3 / 3, abs=1e-6),
        "hit_rate_at_10": pytest.approx(1 / 3, abs=1e-6),
        "test_users": 3.0,
        "coverage": 0.5,  # t1 to t10 of 20
        "novelty": pytest.approx(9 * 2 / 11, abs=1e-6),  # all have seen t1, one in four each of the nine others
    }


def test_measures_of_values_leave_no_rating_out(spark: SparkSession) -> None:
    rows = [("m", 4.0, 3.0, True), ("m", 1.0, 4.0, True), ("m", 5.0, 3.0, False)]
    predicted = spark.createDataFrame(rows, "model string, rating double, prediction double, scored boolean")
    assert {row["metric"]: row["value"] for row in measure_values(predicted).collect()} == {
        "rmse": 2.160247,  # sqrt((1 + 9 + 4) / 3)
        "mae": 2.0,
        "test_ratings": 3.0,
        "unscored_ratings": 1.0,
    }


NAN = float("nan")


@pytest.mark.parametrize("missing", [None, NAN])
def test_a_model_without_a_prediction_for_every_rating_has_no_error(
    spark: SparkSession, missing: float | None
) -> None:
    rows = [
        *[("whole", 5.0, 5.0, True), ("whole", 1.0, 3.0, False)],
        *[("partial", 5.0, 5.0, True), ("partial", 1.0, missing, False)],  # 0.0 of those it has one for
        *[("none", 5.0, missing, False), ("none", 1.0, missing, False)],
    ]
    predicted = spark.createDataFrame(rows, "model string, rating double, prediction double, scored boolean")
    found = {(row["model"], row["metric"]): row["value"] for row in measure_values(predicted).collect()}
    assert {key: value for key, value in found.items() if key[1] in ("rmse", "mae")} == {
        ("whole", "rmse"): 1.414214,
        ("whole", "mae"): 1.0,
    }
    assert {model: found[model, "test_ratings"] for model, _ in found} == dict.fromkeys(
        ("whole", "partial", "none"), 2.0
    )


@pytest.mark.parametrize(
    ("mean", "expected"),
    [
        (3.0, {"high": 5.0, "low": 0.5, "unknown": 3.0, "nan": None, "endless": None}),
        # nobody has rated: nothing can be predicted, whatever else is known
        (None, dict.fromkeys(("high", "low", "unknown", "nan", "endless"), None)),
    ],
)
def test_what_is_no_number_is_no_prediction(
    spark: SparkSession, mean: float | None, expected: dict[str, float | None]
) -> None:
    fields = "factors array<float>, value_factors array<float>, bias double"
    users = [
        ("high", None, [1.0, 1.0], 9.0),
        ("low", None, None, -9.0),
        ("nan", None, [NAN, 1.0], 0.0),
        ("endless", None, [1.0, 1.0], float("inf")),
    ]
    blend = Blend(
        users=spark.createDataFrame(users, f"user_id string, {fields}"),
        titles=spark.createDataFrame([("t", None, [1.0, 1.0], 0.0)], f"content_id string, {fields}"),
        mean=mean,
        ranks=(2,),
        weights=BlendWeights(1.0, 0.0, 0.0, 0.0),
    )
    rows = spark.createDataFrame([(user, "t") for user in expected], "user_id string, content_id string")
    found = predict(blend, rows).collect()
    assert {row["user_id"]: row["prediction"] for row in found} == expected


def test_novelty_among_no_users_is_no_figure_and_no_list_is_a_hit_rate_of_0(spark: SparkSession) -> None:
    """Every event is held out: nobody has seen anything, so there is no share of viewers. Model n has no list."""
    rows = measure_lists(
        spark.createDataFrame([("m", "u1", "t1", 1)], "model string, user_id string, content_id string, rank int"),
        spark.createDataFrame([("u1", "t1")], "user_id string, content_id string"),
        Audience(
            catalogue=2, users=0, viewers=spark.createDataFrame([("t1", 0)], "content_id string, viewers int")
        ),
        models=["m", "n"],
    ).collect()
    found = {row["metric"]: row["value"] for row in rows if row["model"] == "m"}
    assert (found["coverage"], found["ndcg_at_10"], found.get("novelty")) == (0.5, 1.0, None)
    silent = {row["metric"]: row["value"] for row in rows if row["model"] == "n"}
    assert (silent["test_users"], silent["ndcg_at_10"], silent["hit_rate_at_10"]) == (1.0, 0.0, 0.0)
    assert "coverage" not in silent


def test_models_replace_their_own_metrics_and_keep_those_of_others(spark: SparkSession) -> None:
    def described(version: str, commit: int, *models: str) -> DataFrame:
        measured = {model: {"rmse": 0.5} for model in models}
        return describe_models(spark, measured, model_version=version, input_versions={"silver.users": commit})

    before = described("old", 1, "blend").unionByName(described("new", 2, "blend", "affinity"))
    published = replace_models(before, described("new", 3, "blend", "mean"))
    assert sorted((*tuple(row)[:2], row["input_versions"]["silver.users"]) for row in published.collect()) == [
        ("new", "affinity", 2),
        ("new", "blend", 3),
        ("new", "mean", 3),
        ("old", "blend", 1),
    ]
    baselines = {row["model"]: row["baseline"] for row in described("v", 1, "blend", "mean").collect()}
    assert baselines == {"blend": 0.5, "mean": 0.5}
