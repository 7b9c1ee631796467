"""Gold's settings as model recipes."""

from gold.recommender.biases import Shrinkage
from gold.recommender.blend import Recipe
from gold.recommender.factors import Parameters
from gold.recommender.preferences import Evidence
from gold.recommender.scoring import BlendWeights
from lakehouse.configuration.gold import GoldSettings


def recipe_of(gold: GoldSettings) -> Recipe:
    """All parameters of a model. Each ALS of the ranking has its own seed."""
    als, feedback, values = gold.als, gold.feedback, gold.values
    order = tuple(
        Parameters(rank, als.iterations, als.regularization, als.alpha, als.seed + place)
        for place, rank in enumerate(als.ranks)
    )
    return Recipe(
        evidence=Evidence(
            liked_from=feedback.liked_from,
            like=feedback.like_weight,
            view=feedback.view_weight,
            dislike=feedback.dislike_weight,
            recency_titles=feedback.recency_titles,
        ),
        order=order,
        value=Parameters(values.rank, values.iterations, values.regularization, None, als.seed),
        shrinkage=Shrinkage(values.title_shrinkage, values.user_shrinkage, values.recency_ratings),
        weights=BlendWeights(
            factors=1.0,
            taste=gold.blend.taste_weight,
            popularity=gold.blend.popularity_weight,
            new_titles=gold.blend.new_title_weight,
        ),
    )
