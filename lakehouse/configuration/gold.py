"""The [gold] section of the settings: models and lists, as explained in conf/lakehouse.toml."""

from typing import Annotated, Literal, Self, get_args

from pydantic import Field, model_validator

from lakehouse.configuration.kinds import (
    Count,
    Integer,
    Positive,
    Real,
    Section,
    Seed,
    Share,
    SignedWeight,
    Weight,
)

# The metrics in gold.model_metrics that measure how good a model is.
QualityMetric = Literal[
    "rmse", "mae", "ndcg_at_10", "map_at_10", "precision_at_10", "recall_at_10", "hit_rate_at_10"
]
QUALITY_METRICS: tuple[str, ...] = get_args(QualityMetric)


class AffinitySettings(Section):
    genre_weight: Weight
    director_weight: Weight
    actor_weight: Weight
    rating_weight: Weight
    decade_weight: Weight
    titles_per_user: Count

    @model_validator(mode="after")
    def _something_counts(self) -> Self:
        if not any(getattr(self, name) for name in type(self).model_fields if name.endswith("_weight")):
            raise ValueError("all weights of gold.affinity are 0: expected at least one above 0")
        return self


class FeedbackSettings(Section):
    liked_from: Annotated[Real, Field(ge=0.5, le=5)]
    like_weight: Positive
    view_weight: Weight
    dislike_weight: Weight
    recency_titles: Positive


class AlsSettings(Section):
    ranks: Annotated[tuple[Count, ...], Field(min_length=1)]
    iterations: Count
    regularization: Positive
    alpha: Positive
    holdout: Annotated[Real, Field(gt=0, lt=1)]
    seed: Seed


class BlendSettings(Section):
    taste_weight: Weight
    popularity_weight: SignedWeight
    new_title_weight: Weight


class ValuesSettings(Section):
    rank: Count
    iterations: Count
    regularization: Positive
    title_shrinkage: Positive
    user_shrinkage: Positive
    recency_ratings: Positive


class ModelsSettings(Section):
    metric: QualityMetric
    margin: Share
    keep: Count


class RecommendationsSettings(Section):
    titles_per_user: Count


class PopularitySettings(Section):
    # a hundred years
    trend_days: Annotated[Integer, Field(ge=1, le=36_525)]


class GoldSettings(Section):
    affinity: AffinitySettings
    feedback: FeedbackSettings
    als: AlsSettings
    blend: BlendSettings
    values: ValuesSettings
    models: ModelsSettings
    recommendations: RecommendationsSettings
    popularity: PopularitySettings
