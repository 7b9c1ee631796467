"""The baselines for the blend, as blends: with other weights, other training, or less of it."""

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from gold.recommender.blend import Blend, Recipe
from gold.recommender.factors import fit
from gold.recommender.preferences import latest_ratings, weigh_preferences
from gold.recommender.scoring import BlendWeights

# A decay this slow counts every like the same, however old.
_NEVER_FADES = 1e12
_FIELDS = "factors array<float>, value_factors array<float>, bias double"


def reweighted(blend: Blend, *, factors: float = 0.0, taste: float = 0.0, popularity: float = 0.0) -> Blend:
    """The blend with only these parts."""
    return blend._replace(weights=BlendWeights(factors, taste, popularity, new_titles=0.0))


def mean_only(blend: Blend) -> Blend:
    """Predicts the mean of the training ratings for everybody."""
    spark = blend.users.sparkSession
    nobody = spark.createDataFrame([], f"user_id string, {_FIELDS}")
    return blend._replace(users=nobody, titles=spark.createDataFrame([], f"content_id string, {_FIELDS}"))


def train_implicit(feedback: DataFrame, *, recipe: Recipe) -> Blend:
    """Implicit ALS alone, with the blend's first set of parameters: equal weight per like, no other part."""
    evidence = recipe.evidence._replace(recency_titles=_NEVER_FADES)
    preferences = weigh_preferences(feedback, evidence=evidence)
    factors = fit(preferences, value="confidence", fits=recipe.order[:1])
    return Blend(
        users=_without_values(factors.users),
        titles=_without_values(factors.titles),
        mean=None,
        ranks=factors.ranks,
        weights=BlendWeights(1.0, 0.0, 0.0, 0.0),
    )


def train_explicit(feedback: DataFrame, *, recipe: Recipe, mean: float | None) -> Blend:
    """Explicit ALS alone, on the deviation of ratings from their mean: it ranks by predicted rating."""
    ratings = latest_ratings(feedback).withColumn("deviation", F.col("rating") - F.lit(mean).cast("double"))
    factors = fit(ratings, value="deviation", fits=[recipe.value])
    return Blend(
        users=factors.users.withColumns({"value_factors": F.col("factors"), "bias": F.lit(0.0)}),
        titles=factors.titles.withColumns({"value_factors": F.col("factors"), "bias": F.lit(0.0)}),
        mean=mean,
        ranks=factors.ranks,
        weights=BlendWeights(1.0, 0.0, 0.0, 0.0),
    )


def _without_values(factors: DataFrame) -> DataFrame:
    nothing = {"value_factors": F.lit(None).cast("array<float>"), "bias": F.lit(None).cast("double")}
    return factors.withColumns(nothing)
