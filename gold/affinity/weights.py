"""How much each kind of shared feature counts."""

from gold.affinity.features import FeatureWeights
from lakehouse.configuration.gold import AffinitySettings


def chosen_weights(affinity: AffinitySettings) -> FeatureWeights:
    """The weights of the settings."""
    return FeatureWeights(
        genre=affinity.genre_weight,
        director=affinity.director_weight,
        actor=affinity.actor_weight,
        rating=affinity.rating_weight,
        decade=affinity.decade_weight,
    )
