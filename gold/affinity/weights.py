"""How much each kind of shared feature counts."""

from gold.affinity.features import Weights
from lakehouse.configuration.gold import Affinity


def chosen_weights(affinity: Affinity) -> Weights:
    """The weights of the settings."""
    return Weights(
        genre=affinity.genre_weight,
        director=affinity.director_weight,
        actor=affinity.actor_weight,
        rating=affinity.rating_weight,
        decade=affinity.decade_weight,
    )
