"""How much each kind of shared feature counts."""

from gold.affinity.features import Weights
from lakehouse.settings import Settings


def chosen_weights(settings: Settings) -> Weights:
    """The weights of the settings."""
    chosen = settings.gold.affinity
    return Weights(
        genre=chosen.genre_weight,
        director=chosen.director_weight,
        actor=chosen.actor_weight,
        rating=chosen.rating_weight,
        decade=chosen.decade_weight,
    )
