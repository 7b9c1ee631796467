"""What ALS learns from values and preferences, and that the same rows give the same factors."""

import itertools
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from gold.recommender.blend import Blend, require_finite
from gold.recommender.factors import Factors, Parameters, checkpoint_folder, fit
from gold.recommender.scoring import BlendWeights
from lakehouse.errors import InputError
from lakehouse.spark.lakehouse import SparkLakehouse
from tests.support.frames import assert_df_equality

ROWS = "user_id string, content_id string, value double"
EXPLICIT = Parameters(rank=4, iterations=10, regularization=0.05, alpha=None, seed=42)
IMPLICIT = Parameters(rank=4, iterations=10, regularization=0.05, alpha=4.0, seed=42)


@pytest.fixture(autouse=True)
def checkpoints(spark: SparkSession, tmp_path: Path) -> Iterator[None]:
    with checkpoint_folder(SparkLakehouse(str(tmp_path), spark)):
        yield


def checkerboard(spark: SparkSession) -> DataFrame:
    """Even users value even titles 2 and odd ones -2, odd users the reverse; one title per user has no value."""
    pairs = itertools.product(range(10), range(12))
    rows = [(f"u{u}", f"t{t:02}", 2.0 if (u + t) % 2 == 0 else -2.0) for u, t in pairs if t != u]
    return spark.createDataFrame(rows, ROWS)


def products(factors: Factors) -> dict[tuple[str, str], float]:
    users = {row["user_id"]: np.array(row["factors"]) for row in factors.users.collect()}
    titles = {row["content_id"]: np.array(row["factors"]) for row in factors.titles.collect()}
    return {(user, title): float(users[user] @ titles[title]) for user in users for title in titles}


def test_checkerboard_of_values_is_learnt(spark: SparkSession) -> None:
    found = products(fit(checkerboard(spark), value="value", fits=[EXPLICIT]))
    # the square that a user has not valued, u = t, has the colour of the user
    assert all(score > 1 if (int(u[1:]) + int(t[1:])) % 2 == 0 else score < -1 for (u, t), score in found.items())


def test_checkerboard_of_preferences_is_learnt(spark: SparkSession) -> None:
    taken_to = checkerboard(spark).where("value > 0")
    found = products(fit(taken_to, value="value", fits=[IMPLICIT]))
    for user in range(10):
        own = sorted((-score, title) for (u, title), score in found.items() if u == f"u{user}")
        assert {int(title[1:]) % 2 for _, title in own[:6]} == {user % 2}


def test_each_fit_has_its_numbers_in_a_row(spark: SparkSession) -> None:
    rows = checkerboard(spark)
    first, second = EXPLICIT._replace(rank=2), EXPLICIT._replace(rank=3, seed=7)
    both = fit(rows, value="value", fits=[first, second])
    assert both.ranks == (2, 3)
    alone = fit(rows, value="value", fits=[second])
    last = both.titles.select("content_id", F.slice("factors", 3, 3).alias("factors"))
    assert_df_equality(last, alone.titles, ignore_row_order=True, ignore_nullable=True)


def test_same_rows_in_another_order_give_the_same_factors(spark: SparkSession) -> None:
    rows = checkerboard(spark)
    shuffled = rows.orderBy(F.xxhash64("content_id", "user_id")).repartition(5, "content_id")
    first, second = (fit(each, value="value", fits=[EXPLICIT]) for each in (rows, shuffled))
    assert_df_equality(first.users, second.users, ignore_row_order=True)
    assert_df_equality(first.titles, second.titles, ignore_row_order=True)


def test_more_than_20_iterations_do_not_overflow(spark: SparkSession) -> None:
    found = fit(checkerboard(spark), value="value", fits=[IMPLICIT._replace(iterations=30)])
    assert found.users.count() == 10


def test_no_rows_give_no_factors(spark: SparkSession) -> None:
    nothing = fit(spark.createDataFrame([], ROWS), value="value", fits=[EXPLICIT, IMPLICIT])
    assert (nothing.users.collect(), nothing.titles.collect(), nothing.ranks) == ([], [], (4, 4))


def test_factors_that_are_not_finite_are_refused_before_they_order_anything(spark: SparkSession) -> None:
    def blend(*numbers: float) -> Blend:
        part = "factors array<float>, value_factors array<float>, bias double"
        users = spark.createDataFrame(
            [("u", [1.0], None, 0.5), ("v", None, [2.0], None)], f"user_id string, {part}"
        )
        titles = spark.createDataFrame([("t", [0.0], [*numbers], 0.5)], f"content_id string, {part}")
        return Blend(users, titles, 3.0, (1,), BlendWeights(1.0, 1.0, 1.0, 1.0))

    require_finite(blend(0.0, -3e38))
    for bad in (float("nan"), float("inf"), float("-inf")):
        with pytest.raises(InputError, match="training diverged"):
            require_finite(blend(1.0, bad))
