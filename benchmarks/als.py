"""Training time of ALS on the same rows: Spark's, as gold trains it and on likes alone, and implicit's.

    pip install implicit==0.7.2
    python benchmarks/als.py
    python benchmarks/als.py --ratings ml-latest-small

Rows are made-up feedback, or real ratings in MovieLens' layout. Likes are ratings of 4 or more. All three have the
same rank and number of iterations, and alternate. Prints medians, writes build/benchmarks/als.json.
"""

import argparse
import csv
import json
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from implicit.cpu.als import AlternatingLeastSquares
from pyspark.ml.recommendation import ALS
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F
from results import write_results
from scipy.sparse import csr_matrix
from threadpoolctl import threadpool_limits

from gold.inputs import held
from gold.recommender.factors import Parameters, checkpoint_folder, fit
from lakehouse.spark.lakehouse import SparkLakehouse
from lakehouse.spark.session import spark_session
from producers.made_up.activity import feedback_records

LIKED, RANK, ITERATIONS, ALPHA = 4.0, 24, 15, 2.0
SPARK_REGULARIZATION, IMPLICIT_REGULARIZATION = 0.05, 5.0
_SEED = 42
_RATINGS = "user_id string, content_id string, rating double"


class Rating(NamedTuple):
    user_id: str
    content_id: str
    rating: float


def made_up(events: int) -> list[Rating]:
    """The ratings among this many feedback events; a user's last rating of a title counts."""
    records = feedback_records(_SEED, events, users=2_000, movies=2_100, series=900)
    fields = (json.loads(record.value or b"") for record in records)
    rated = {
        (event["user_id"], event["content_id"]): float(event["rating"])
        for event in fields
        if event["action"] == "rating"
    }
    return [Rating(user, title, rating) for (user, title), rating in rated.items()]


def movielens(folder: Path) -> list[Rating]:
    with (folder / "ratings.csv").open(encoding="utf-8", newline="") as file:
        return [Rating(row["userId"], row["movieId"], float(row["rating"])) for row in csv.DictReader(file)]


def indexed(ratings: list[Rating]) -> tuple[np.ndarray, np.ndarray]:
    """Users and titles as dense integers, in row order."""
    users = np.unique([rating.user_id for rating in ratings], return_inverse=True)[1]
    titles = np.unique([rating.content_id for rating in ratings], return_inverse=True)[1]
    return users, titles


def spark_on_likes(likes: DataFrame) -> None:
    als = ALS(
        rank=RANK,
        maxIter=ITERATIONS,
        regParam=SPARK_REGULARIZATION,
        alpha=ALPHA,
        implicitPrefs=True,
        seed=_SEED,
        numUserBlocks=2,
        numItemBlocks=2,
        userCol="user",
        itemCol="title",
        ratingCol="confidence",
        checkpointInterval=5,
    )
    model = als.fit(likes)
    model.userFactors.count()
    model.itemFactors.count()


def spark_on_ratings(ratings: DataFrame) -> None:
    """As gold trains its model, including the indexing of ids and their translation back to names."""
    fits = [Parameters(RANK, ITERATIONS, SPARK_REGULARIZATION, alpha=None, seed=_SEED)]
    factors = fit(ratings, value="rating", fits=fits)
    factors.users.count()
    factors.titles.count()


def implicit_on_likes(users: np.ndarray, titles: np.ndarray) -> None:
    matrix = csr_matrix((np.ones(len(users), dtype=np.float32), (users, titles)))
    # implicit asks for this: its own threads and those of BLAS would compete for the cores
    with threadpool_limits(1, "blas"):
        model = AlternatingLeastSquares(
            factors=RANK,
            iterations=ITERATIONS,
            alpha=ALPHA,
            regularization=IMPLICIT_REGULARIZATION,
            random_state=_SEED,
        )
        model.fit(matrix, show_progress=False)


def measure(spark: SparkSession, ratings: list[Rating], folder: str, rounds: int) -> dict[str, Any]:
    likes = [rating for rating in ratings if rating.rating >= LIKED]
    users, titles = indexed(likes)
    rows = [(int(user), int(title), 1.0) for user, title in zip(users, titles, strict=True)]
    liked = spark.createDataFrame(rows, "user int, title int, confidence float").coalesce(1)
    everything = spark.createDataFrame([tuple(rating) for rating in ratings], _RATINGS).coalesce(1)
    seconds: dict[str, list[float]] = {}
    with checkpoint_folder(SparkLakehouse(folder, spark)), held(liked) as liked, held(everything) as everything:
        everything.agg(F.sum("rating")).collect()
        ways: dict[str, Callable[[], None]] = {
            "Spark, implicit preference": lambda: spark_on_likes(liked),
            "Spark, as gold trains it": lambda: spark_on_ratings(everything),
            "implicit": lambda: implicit_on_likes(users, titles),
        }
        for number in range(rounds + 1):
            for name in list(ways) if number % 2 == 0 else list(ways)[::-1]:
                started = time.monotonic()
                ways[name]()
                seconds.setdefault(name, []).append(time.monotonic() - started)
    # without the first round, which compiles
    return {
        "ratings": len(ratings),
        "likes": len(likes),
        "seconds": {name: times[1:] for name, times in seconds.items()},
    }


def show(found: dict[str, Any]) -> None:
    print(f"{found['likes']:,} likes among {found['ratings']:,} ratings, rank {RANK}, {ITERATIONS} iterations")
    print(f"{'trained by':30}{'median s':>10}{'min':>8}{'max':>8}")
    seconds: dict[str, list[float]] = found["seconds"]
    for name, times in seconds.items():
        print(f"{name:30}{statistics.median(times):10.2f}{min(times):8.2f}{max(times):8.2f}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--ratings", type=Path, metavar="DIR", help="real ratings in MovieLens' layout")
    parser.add_argument("--events", type=int, default=300_000, help="made-up feedback events (default 300,000)")
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    ratings = movielens(options.ratings) if options.ratings else made_up(options.events)
    with (
        tempfile.TemporaryDirectory() as folder,
        spark_session("benchmark", log_file=Path(folder, "log")) as spark,
    ):
        found = measure(spark, ratings, folder, options.rounds)
    show(found)
    write_results("als", found)


if __name__ == "__main__":
    main()
