"""What ALS learns, what it cannot, and how its errors are told."""

import itertools
from collections.abc import Iterator
from pathlib import Path

import pytest
from chispa import assert_df_equality
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from gold.factors import Parameters, checkpoint_folder, fit, model_version, predict, split_holdout
from gold.metrics import describe_model, prediction_errors, replace_model

RATINGS = "user_id string, content_id string, rating double"
ERRORS = "metric string, value double, baseline double"
PARAMETERS = Parameters(rank=4, iterations=10, regularization=0.05, seed=42)


@pytest.fixture(autouse=True)
def checkpoints(spark: SparkSession, tmp_path: Path) -> Iterator[None]:
    with checkpoint_folder(spark, str(tmp_path)):
        yield


def checkerboard(spark: SparkSession) -> DataFrame:
    """Even users rate even titles 5 and odd ones 1, odd users the other way round; one title each is unrated."""
    pairs = itertools.product(range(10), range(12))
    rows = [(f"u{u}", f"t{t:02}", 5.0 if (u + t) % 2 == 0 else 1.0) for u, t in pairs if t != u]
    return spark.createDataFrame(rows, RATINGS)


def test_checkerboard_each_user_is_given_titles_of_their_own_colour(spark: SparkSession) -> None:
    every = spark.createDataFrame(
        [(f"u{u}", f"t{t:02}") for u in range(10) for t in range(12)], "user_id string, content_id string"
    )
    scored = predict(fit(checkerboard(spark), parameters=PARAMETERS), every).collect()
    for user in range(10):
        own = sorted((row for row in scored if row["user_id"] == f"u{user}"), key=lambda row: -row["prediction"])
        # the six best include the title that this user has not rated
        assert {int(row["content_id"][1:]) % 2 for row in own[:6]} == {user % 2}
        assert own[5]["prediction"] > 4 > 2 > own[6]["prediction"]


def test_same_ratings_in_another_order_give_the_same_predictions(spark: SparkSession) -> None:
    ratings = checkerboard(spark)
    shuffled = ratings.orderBy(F.xxhash64("content_id", "user_id")).repartition(5, "content_id")
    first = predict(fit(ratings, parameters=PARAMETERS), ratings)
    second = predict(fit(shuffled, parameters=PARAMETERS), ratings)
    assert_df_equality(first, second, ignore_row_order=True)


def test_more_than_20_iterations_do_not_overflow(spark: SparkSession) -> None:
    model = fit(checkerboard(spark), parameters=PARAMETERS._replace(iterations=30))
    # ten users, each with six titles of their colour less the unrated one
    assert predict(model, checkerboard(spark)).where("prediction > 4").count() == 50


def test_what_training_has_not_seen_has_no_prediction(spark: SparkSession) -> None:
    model = fit(checkerboard(spark), parameters=PARAMETERS)
    asked = spark.createDataFrame(
        [("new", "t01"), ("u1", "new"), ("u1", "t01")], "user_id string, content_id string"
    )
    missing = predict(model, asked).where(F.isnan("prediction"))
    assert sorted(tuple(row)[:2] for row in missing.collect()) == [("new", "t01"), ("u1", "new")]


@pytest.mark.parametrize(
    ("rows", "expected"),
    [
        ([], float("nan")),  # no rating at all: no prediction either
        ([("u", "t", 4.0)], 4.0),  # one rating: its mean is all there is to say
        ([("u", "t", 3.0), ("v", "t", 3.0), ("u", "s", 3.0)], 3.0),  # all the same: nothing to tell apart
    ],
    ids=["none", "one", "all equal"],
)
def test_hardly_any_ratings(spark: SparkSession, rows: list[tuple[str, str, float]], expected: float) -> None:
    asked = spark.createDataFrame([("u", "t")], "user_id string, content_id string")
    model = fit(spark.createDataFrame(rows, RATINGS), parameters=PARAMETERS)
    assert predict(model, asked).collect()[0]["prediction"] == pytest.approx(expected, nan_ok=True)


def test_split_puts_each_rating_on_one_side_whatever_the_order(spark: SparkSession) -> None:
    ratings = checkerboard(spark)
    split = split_holdout(ratings, share=0.3, seed=1)
    assert_df_equality(split.training.unionByName(split.holdout), ratings, ignore_row_order=True)
    assert 20 <= split.holdout.count() <= 50  # 30 % of 110, by hash
    again = split_holdout(ratings.orderBy(F.desc("content_id")).repartition(3), share=0.3, seed=1)
    assert_df_equality(again.holdout, split.holdout, ignore_row_order=True)
    other_seed = split_holdout(ratings, share=0.3, seed=2)
    assert other_seed.holdout.exceptAll(split.holdout).count() > 0


def test_model_version_follows_from_ratings_and_parameters_alone(spark: SparkSession) -> None:
    ratings = checkerboard(spark)
    version = model_version(ratings, parameters=PARAMETERS)
    assert version == model_version(ratings.orderBy(F.desc("user_id")), parameters=PARAMETERS)
    assert version.startswith("als-")
    others = {
        model_version(ratings.where("user_id != 'u0'"), parameters=PARAMETERS),
        model_version(ratings.withColumn("rating", F.lit(3.0)), parameters=PARAMETERS),
        model_version(ratings, parameters=PARAMETERS._replace(seed=7)),
        version,
    }
    assert len(others) == 4


def test_errors_count_unscored_rows_as_the_mean(spark: SparkSession) -> None:
    rows = [
        (4.0, 3.0),  # the model is 1 off, the mean 2
        (1.0, 4.0),  # the model is 3 off, the mean 1
        (5.0, float("nan")),  # no prediction: as far off as the mean, 3
    ]
    predictions = spark.createDataFrame(rows, "rating double, prediction double")
    expected = [
        ("rmse", 2.516611, 2.160247),  # sqrt((1 + 9 + 9) / 3), sqrt((4 + 1 + 9) / 3)
        ("mae", 2.333333, 2.0),  # (1 + 3 + 3) / 3, (2 + 1 + 3) / 3
        ("holdout_rows", 3.0, None),
        ("unscored_rows", 1.0, None),
    ]
    assert_df_equality(
        prediction_errors(predictions, mean=2.0), spark.createDataFrame(expected, ERRORS), ignore_nullable=True
    )


def test_no_held_out_row_gives_counts_and_no_nan(spark: SparkSession) -> None:
    predictions = spark.createDataFrame([], "rating double, prediction double")
    expected = spark.createDataFrame([("holdout_rows", 0.0, None), ("unscored_rows", 0.0, None)], ERRORS)
    assert_df_equality(prediction_errors(predictions, mean=0.0), expected, ignore_nullable=True)


def test_a_model_replaces_its_own_metrics_and_keeps_those_of_others(spark: SparkSession) -> None:
    errors = spark.createDataFrame([("rmse", 0.5, 1.0)], ERRORS)
    old = describe_model(errors, model_version="old", input_versions={"silver.users": 1})
    first = describe_model(errors, model_version="new", input_versions={"silver.users": 2})
    again = describe_model(errors, model_version="new", input_versions={"silver.users": 3})
    published = replace_model(old.unionByName(first), again, model_version="new")
    assert sorted(
        (row["model_version"], row["input_versions"]["silver.users"]) for row in published.collect()
    ) == [
        ("new", 3),
        ("old", 1),
    ]
