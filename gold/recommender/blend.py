"""The model behind the lists: what it learns from feedback, and how it is saved."""

import hashlib
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import NamedTuple

from pydantic import JsonValue
from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from gold.inputs import held
from gold.models.files import Model, save_model
from gold.recommender.biases import Shrinkage, deviations, fit_biases
from gold.recommender.factors import Parameters, fit
from gold.recommender.preferences import Evidence, latest_ratings, weigh_preferences
from gold.recommender.scoring import BlendWeights
from lakehouse.errors import InputError


class Recipe(NamedTuple):
    """Everything besides feedback that a model depends on. `order` is one ALS per entry; scores are averaged."""

    evidence: Evidence
    order: tuple[Parameters, ...]
    value: Parameters
    shrinkage: Shrinkage
    weights: BlendWeights


class Blend(NamedTuple):
    """A trained model. `users` and `titles` hold user_id or content_id, factors, value_factors and bias.

    Lists are ordered by `factors`; their ratings are mean + both biases + the product of `value_factors`. Null
    means that there was nothing to learn from. `mean` is None if nobody has rated anything.
    """

    users: DataFrame
    titles: DataFrame
    mean: float | None
    ranks: tuple[int, ...]
    weights: BlendWeights


def train_blend(feedback: DataFrame, *, recipe: Recipe) -> Blend:
    """Learn the ranking from preferences and the values from ratings."""
    with (
        held(weigh_preferences(feedback, evidence=recipe.evidence)) as preferences,
        held(latest_ratings(feedback)) as ratings,
        ThreadPoolExecutor(max_workers=1) as beside,
    ):
        learning = beside.submit(fit, preferences, value="confidence", fits=recipe.order)
        biases = fit_biases(ratings, shrinkage=recipe.shrinkage)
        value = fit(deviations(ratings, biases), value="deviation", fits=[recipe.value])
        order = learning.result()
    return Blend(
        users=_joined(order.users, value.users, biases.users, "user_id"),
        titles=_joined(order.titles, value.titles, biases.titles, "content_id"),
        mean=biases.mean,
        ranks=order.ranks,
        weights=recipe.weights,
    )


def require_finite(blend: Blend) -> None:
    """Raise InputError if factors hold NaN or infinity: lists would have a meaningless order that looks real."""

    def is_broken(column: str) -> Column:
        return F.exists(column, lambda number: F.isnan(number) | (F.abs(number) == float("inf")))

    for frame in (blend.users, blend.titles):
        if not frame.where(is_broken("factors") | is_broken("value_factors")).isEmpty():
            raise InputError(
                "training diverged: it returned factors that are not finite",
                todo="lower gold.als.alpha, or move the regularizations closer to those of conf/lakehouse.toml",
            )


def model_version(feedback: DataFrame, *, recipe: Recipe) -> str:
    """An id that is equal for equal feedback and recipe, so for equal models.

    It depends on the rows, not on table versions: writing the same rows again creates a new table version but not
    a new model.
    """
    return "als-" + _digest(rows_id(feedback), repr(recipe))


def rows_id(feedback: DataFrame) -> str:
    """An id that is equal for equal rows of feedback, whatever their order."""
    row_hash = F.xxhash64("user_id", "content_id", "action", "rating", "event_timestamp")
    # A sum does not depend on order; a decimal sum cannot overflow.
    total = F.sum(row_hash.cast("decimal(38,0)")).alias("total")
    row = feedback.agg(F.count("*").alias("rows"), total).collect()[0]
    return "rows-" + _digest(str(row["rows"]), str(row["total"]))


def _digest(*parts: str) -> str:
    return hashlib.sha256(" ".join(parts).encode()).hexdigest()[:12]


def save_blend(root: str, version: str, blend: Blend) -> None:
    frames = {"user_factors": blend.users, "item_factors": blend.titles}
    numbers: dict[str, JsonValue] = {
        "mean": blend.mean,
        "ranks": list(blend.ranks),
        "weights": dict(blend.weights._asdict()),
    }
    save_model(root, version, frames, numbers)


def blend_of(model: Model) -> Blend:
    """The blend, from what `save_blend` saved."""
    numbers = model.numbers
    return Blend(
        users=model.frames["user_factors"],
        titles=model.frames["item_factors"],
        mean=None if numbers["mean"] is None else float(numbers["mean"]),  # type: ignore[arg-type]
        ranks=tuple(numbers["ranks"]),  # type: ignore[arg-type]
        weights=BlendWeights(**numbers["weights"]),  # type: ignore[arg-type]
    )


@contextmanager
def held_blend(blend: Blend) -> Iterator[Blend]:
    """The blend with its frames computed once, for a model that is used without being saved.

    Raises InputError if training produced factors that are not finite.
    """
    with held(blend.users) as users, held(blend.titles) as titles:
        computed = blend._replace(users=users, titles=titles)
        require_finite(computed)
        yield computed


def _joined(order: DataFrame, value: DataFrame, biases: DataFrame, key: str) -> DataFrame:
    values = value.withColumnRenamed("factors", "value_factors").join(biases, on=key, how="full_outer")
    return order.join(values, on=key, how="full_outer").select(key, "factors", "value_factors", "bias")
