"""The quality of the recommendations on real ratings, compared with other methods on the same rows.

    pip install implicit==0.7.2
    python benchmarks/recommendations.py ml-latest-small

Runs the code of gold/evaluate.py on a folder in MovieLens' layout, and `implicit`'s ALS (tuned), EASE (Steck 2019)
and `implicit` averaged over eight seeds on the same likes. All lists are measured by the same function. Prints one
table with the goals, writes build/benchmarks/recommendations.json, and exits with code 1 if a goal is missed.
"""

import argparse
import csv
import re
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import reduce
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from implicit.cpu.als import AlternatingLeastSquares
from pyspark.sql import DataFrame, SparkSession
from results import write_results
from scipy.sparse import csr_matrix
from threadpoolctl import threadpool_limits

from gold.affinity.weights import chosen_weights
from gold.evaluation.figures import CUTOFF
from gold.evaluation.holdout import Exam, exam_of, measure_all
from gold.evaluation.measures import measure_lists
from gold.evaluation.reporting import print_models
from gold.inputs import held, partitions_of
from gold.recommender.factors import checkpoint_folder
from gold.recommender.recipes import recipe_of
from lakehouse.settings import load_settings
from lakehouse.spark.lakehouse import SparkLakehouse
from lakehouse.spark.session import spark_session

GOAL_NDCG, GOAL_COVERAGE, GOAL_RMSE = 0.127, 0.06, 0.885
LIKED, SEEDS, EASE_REGULARIZATION = 4.0, 8, 100.0
_EVENTS = "id string, user_id string, content_id string, action string, rating double, event_timestamp timestamp"
_TITLES = (
    "id string, generos array<string>, directores array<string>, actores array<string>, clasificacion string, "
    "decada_lanzamiento string"
)


class Likes(NamedTuple):
    """Training likes as users x titles, and what users have seen; ids by position."""

    liked: csr_matrix
    seen: csr_matrix
    users: list[str]
    titles: list[str]


def read_events(spark: SparkSession, folder: Path) -> DataFrame:
    """Ratings as rows of silver.feedback. Ids are padded, so that simultaneous events are in movieId order."""
    with (folder / "ratings.csv").open(encoding="utf-8", newline="") as file:
        rows = [
            (
                str(number),
                f"user-{int(row['userId']):06}",
                f"movie-{int(row['movieId']):07}",
                "rating",
                float(row["rating"]),
                datetime.fromtimestamp(int(row["timestamp"]), UTC),
            )
            for number, row in enumerate(csv.DictReader(file))
        ]
    return spark.createDataFrame(rows, _EVENTS)


def read_titles(spark: SparkSession, folder: Path) -> DataFrame:
    with (folder / "movies.csv").open(encoding="utf-8", newline="") as file:
        rows = []
        for row in csv.DictReader(file):
            year = re.search(r"\((\d{3})\d\)\s*$", row["title"])
            genres = [] if row["genres"].startswith("(no ") else row["genres"].split("|")
            decade = f"{year[1]}0s" if year else None
            rows.append((f"movie-{int(row['movieId']):07}", genres, [], [], None, decade))
    return spark.createDataFrame(rows, _TITLES)


def likes_of(training: DataFrame) -> Likes:
    table = training.select("user_id", "content_id", "rating").toArrow()
    users, rows = np.unique(table["user_id"].to_numpy(), return_inverse=True)
    titles, columns = np.unique(table["content_id"].to_numpy(), return_inverse=True)
    liked = table["rating"].to_numpy() >= LIKED
    shape = (len(users), len(titles))
    return Likes(
        csr_matrix((np.ones(liked.sum(), np.float32), (rows[liked], columns[liked])), shape=shape),
        csr_matrix((np.ones(len(rows), np.float32), (rows, columns)), shape=shape),
        users.tolist(),
        titles.tolist(),
    )


def implicit_scores(likes: Likes, seed: int) -> Any:
    """Trained with the settings that the issue found best for it: 24 factors, alpha 2, regularization 5."""
    model = AlternatingLeastSquares(
        factors=24, iterations=15, alpha=2.0, regularization=5.0, random_state=seed, num_threads=1
    )
    with threadpool_limits(1, "blas"):
        model.fit(likes.liked, show_progress=False)
    return model.user_factors @ model.item_factors.T


def ease_scores(likes: Likes) -> Any:
    """Steck, "Embarrassingly shallow autoencoders for sparse data", 2019; titles without a like are ignored."""
    liked = np.flatnonzero(np.asarray(likes.liked.sum(axis=0)).ravel())
    matrix = likes.liked[:, liked].toarray().astype(np.float64)
    gram = matrix.T @ matrix
    gram[np.diag_indices_from(gram)] += EASE_REGULARIZATION
    inverse = np.linalg.inv(gram)
    weights = inverse / -np.diag(inverse)
    np.fill_diagonal(weights, 0.0)
    scores = np.full(likes.seen.shape, -np.inf)
    scores[:, liked] = matrix @ weights
    return scores


def lists_from(spark: SparkSession, likes: Likes, scores: Any, model: str) -> DataFrame:
    scores = np.where(likes.seen.toarray() > 0, -np.inf, scores)
    best = np.argsort(-scores, axis=1, kind="stable")[:, :CUTOFF]
    rows = [
        (model, likes.users[user], likes.titles[title], rank)
        for user, titles in enumerate(best)
        for rank, title in enumerate(titles, start=1)
    ]
    return spark.createDataFrame(rows, "model string, user_id string, content_id string, rank int")


def measure_others(spark: SparkSession, exam: Exam) -> tuple[dict[str, dict[str, float]], dict[str, float]]:
    """Metrics of models that the lakehouse itself does not use, by model, and training seconds."""
    likes = likes_of(exam.training)
    clock, every = {"implicit": time.monotonic()}, [implicit_scores(likes, seed) for seed in range(SEEDS)]
    clock["implicit"] = (time.monotonic() - clock["implicit"]) / SEEDS
    started = time.monotonic()
    ease = ease_scores(likes)
    clock["EASE"] = time.monotonic() - started
    named = {f"seed {seed}": scores for seed, scores in enumerate(every)}
    lists = [lists_from(spark, likes, scores, model) for model, scores in named.items()]
    lists += [lists_from(spark, likes, sum(every), "implicit x8"), lists_from(spark, likes, ease, "EASE")]
    with held(reduce(DataFrame.unionByName, lists)) as made:
        rows = measure_lists(made, exam.relevant, exam.facts, models=[*named, "implicit x8", "EASE"]).collect()
    found: dict[str, dict[str, float]] = {}
    for row in rows:
        found.setdefault(row["model"], {})[row["metric"]] = row["value"]
    seeds = [found.pop(name) for name in named]
    mean = {metric: float(np.mean([seed[metric] for seed in seeds])) for metric in seeds[0]}
    return {"implicit": mean, **dict(sorted(found.items()))}, clock


@contextmanager
def exam_on(spark: SparkSession, folder: Path) -> Iterator[Exam]:
    settings = load_settings()
    with (
        held(read_events(spark, folder)) as events,
        exam_of(
            events,
            read_titles(spark, folder),
            share=settings.gold.als.holdout,
            liked_from=settings.gold.feedback.liked_from,
            affinity_weights=chosen_weights(settings.gold.affinity),
            partitions=partitions_of(spark),
        ) as exam,
    ):
        yield exam


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, help="a folder in MovieLens' layout")
    folder = parser.parse_args().folder
    with (
        tempfile.TemporaryDirectory() as root,
        spark_session("benchmark", log_file=Path(root, "log")) as spark,
        checkpoint_folder(SparkLakehouse(root, spark)),
        exam_on(spark, folder) as exam,
    ):
        started = time.monotonic()
        own = measure_all(exam, recipe=recipe_of(load_settings().gold))
        seconds = {"the lakehouse, all models": time.monotonic() - started}
        others, clock = measure_others(spark, exam)
    measured = {**own, **others}
    print_models(measured)
    print("seconds: " + ", ".join(f"{name} {value:.1f}" for name, value in {**seconds, **clock}.items()))
    write_results("recommendations", {"metrics": measured, "seconds": {**seconds, **clock}})
    return judge(measured)


def judge(measured: dict[str, dict[str, float]]) -> int:
    """Print each goal with the value reached; returns 1 if one is missed."""
    blend = measured["blend"]
    ndcg = f"ndcg_at_{CUTOFF}"
    others = {model: metrics for model, metrics in measured.items() if not model.startswith("blend")}
    best = max((metrics[ndcg], model) for model, metrics in others.items() if ndcg in metrics)
    goals = [
        (f"{ndcg} above {GOAL_NDCG}", blend[ndcg], blend[ndcg] > GOAL_NDCG),
        (f"{ndcg} above {best[1]}'s {best[0]:.4f}", blend[ndcg], blend[ndcg] > best[0]),
        (f"coverage at least {GOAL_COVERAGE}", blend["coverage"], blend["coverage"] >= GOAL_COVERAGE),
        (f"rmse at most {GOAL_RMSE}", blend["rmse"], blend["rmse"] <= GOAL_RMSE),
    ]
    for goal, value, reached in goals:
        print(f"{'reached' if reached else 'MISSED':8} {goal}: {value:.4f}")
    return 0 if all(reached for *_, reached in goals) else 1


if __name__ == "__main__":
    sys.exit(main())
