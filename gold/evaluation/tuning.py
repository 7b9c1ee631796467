"""The parameter search: random trials on a validation split inside the training rows, stored and resumable."""

import hashlib
import random
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import NamedTuple

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from gold.recommender.blend import Recipe
from gold.recommender.scoring import BlendWeights
from lakehouse.spark.lakehouse import SparkLakehouse
from lakehouse.tables import GOLD_TRIALS

# Between equal rankings, prefer the one that shows more of the catalogue: 0.01 of coverage is worth 0.001 of NDCG.
_COVERAGE_WORTH = 0.1
# The parts of a score.
SCORED = ("ndcg_at_10", "coverage", "rmse")
_ITERATIONS = (4, 6, 8, 12)
_RANKS = ((16,), (24,), (48,), (24, 48), (24, 24), (32, 64), (24, 48, 64), (32, 48, 64), (24, 24, 48, 48))


class Proposal(NamedTuple):
    """One trial's parameters. The first trial has those of the settings, so the best is never worse."""

    number: int
    recipe: Recipe


@dataclass(frozen=True)
class Trial:
    """A finished trial: the highest `score` wins."""

    proposal: Proposal
    metrics: Mapping[str, float]
    score: float


def score_of(metrics: Mapping[str, float]) -> float:
    """NDCG plus a little for coverage, minus RMSE, of those that were measured.

    Comparable only between trials with the same metrics: `best_trials` puts a trial with fewer of them last.
    """
    order = metrics.get("ndcg_at_10", 0.0) + _COVERAGE_WORTH * metrics.get("coverage", 0.0)
    return order - metrics.get("rmse", 0.0)


def proposals(base: Recipe, *, seed: int) -> Iterator[Proposal]:
    """The settings' own recipe, then random ones without end; the same seed gives the same sequence."""
    yield Proposal(0, base)
    number = 0
    while True:
        number += 1
        yield Proposal(number, _drawn(base, random.Random(f"{seed} {number}")))  # noqa: S311 - a search, no secret


def _drawn(base: Recipe, dice: random.Random) -> Recipe:
    """Log-uniform where only the order of magnitude is known; seeds and evidence weights are kept."""
    regularization, alpha = _log_uniform(dice, 0.01, 0.2), _log_uniform(dice, 1.0, 12.0)
    first = base.order[0]._replace(iterations=dice.choice(_ITERATIONS))
    order = tuple(
        first._replace(rank=rank, regularization=regularization, alpha=alpha, seed=first.seed + place)
        for place, rank in enumerate(dice.choice(_RANKS))
    )
    return base._replace(
        order=order,
        evidence=base.evidence._replace(recency_titles=_log_uniform(dice, 3.0, 30.0)),
        weights=BlendWeights(
            factors=1.0,
            taste=round(dice.uniform(0.0, 4.0), 2),
            popularity=round(dice.uniform(-0.2, 0.5), 2),
            new_titles=round(dice.uniform(0.0, 1.5), 2),
        ),
        value=base.value._replace(rank=dice.choice((8, 16, 32)), regularization=_log_uniform(dice, 0.1, 0.3)),
        shrinkage=base.shrinkage._replace(recency_ratings=_log_uniform(dice, 15.0, 150.0)),
    )


def _log_uniform(dice: random.Random, low: float, high: float) -> float:
    return float(f"{low * (high / low) ** dice.random():.3g}")


def parameters_of(recipe: Recipe) -> dict[str, float]:
    """A recipe's searched parameters under the names of their settings; ranks as rank_1, rank_2 ..."""
    first = recipe.order[0]
    ranks = {f"als.rank_{place}": float(fit.rank) for place, fit in enumerate(recipe.order, start=1)}
    return {
        **ranks,
        "als.iterations": float(first.iterations),
        "als.regularization": first.regularization,
        "als.alpha": float(first.alpha or 0.0),
        "feedback.recency_titles": recipe.evidence.recency_titles,
        "blend.taste_weight": recipe.weights.taste,
        "blend.popularity_weight": recipe.weights.popularity,
        "blend.new_title_weight": recipe.weights.new_titles,
        "values.rank": float(recipe.value.rank),
        "values.regularization": recipe.value.regularization,
        "values.recency_ratings": recipe.shrinkage.recency_ratings,
    }


def search(
    lake: SparkLakehouse,
    *,
    data_id: str,
    base: Recipe,
    seed: int,
    minutes: float,
    measure: Callable[[Recipe], Mapping[str, float]],
    tell: Callable[[Trial], None],
) -> int:
    """Run trials until the time is up, storing each in gold.tuning_trials as it ends; returns how many were new.

    Trials that the table already has for the same data are not run again, so an interrupted search resumes. At
    least one trial is run, and none is stopped half-way.
    """
    done, ends, new = _known(lake, data_id), time.monotonic() + 60 * minutes, 0
    for proposal in proposals(base, seed=seed):
        trial_id = _trial_id(data_id, proposal.recipe)
        if trial_id in done:
            continue
        started = time.monotonic()
        metrics = dict(measure(proposal.recipe))
        trial = Trial(proposal, metrics, score_of(metrics))
        lake.ensure(GOLD_TRIALS)  # only once there is a row: a check reports an empty table as an error
        lake.append(_row(lake.spark, trial, trial_id, data_id, time.monotonic() - started), GOLD_TRIALS)
        new += 1
        tell(trial)
        if time.monotonic() >= ends:
            return new
    return new


def _known(lake: SparkLakehouse, data_id: str) -> set[str]:
    if not lake.exists(GOLD_TRIALS):
        return set()
    trials = lake.read(GOLD_TRIALS).where(F.col("data_id") == data_id).select("trial_id")
    return {row["trial_id"] for row in trials.collect()}


def best_trials(lake: SparkLakehouse, *, data_id: str, count: int) -> DataFrame:
    """The best trials on this data, best first; ties go to the earlier one."""
    return in_order(lake.read(GOLD_TRIALS).where(F.col("data_id") == data_id)).limit(count)


def in_order(trials: DataFrame) -> DataFrame:
    """The trials, best first. A trial that lacks a metric comes after those that have it, whatever its score."""
    metrics = [F.col("metrics")[name] for name in SCORED]
    lacking = sum((F.when(F.isnan(one) | one.isNull(), 1).otherwise(0) for one in metrics), F.lit(0))
    return trials.orderBy(lacking, F.desc("score"), "number", "trial_id")


def _trial_id(data_id: str, recipe: Recipe) -> str:
    return "trial-" + hashlib.sha256(f"{data_id} {recipe!r}".encode()).hexdigest()[:12]


def _row(spark: SparkSession, trial: Trial, trial_id: str, data_id: str, seconds: float) -> DataFrame:
    row = (
        trial_id,
        data_id,
        trial.proposal.number,
        parameters_of(trial.proposal.recipe),
        dict(trial.metrics),
        trial.score,
        round(seconds, 1),
        datetime.now(UTC),
    )
    return spark.createDataFrame([row], GOLD_TRIALS.schema)
