"""Users as numbers: their tastes, how active they are, how generously they rate."""

from typing import NamedTuple

import numpy as np

from producers.made_up.draws import BLOCK, Floats, Ints, blanked, distinct_rows, generator, long_tail, weighted
from producers.made_up.lexicon import ARCHETYPES, DECADES, GENRES, MOVIE_CLASSES, genre_weights
from producers.made_up.people import favourites, spread

_ACTIVITY_ALPHA = 1.4
_SUBSCRIBED_DAYS_MEAN = 400.0
_SUBSCRIBED_DAYS_MOST = 1500.0


class Viewers(NamedTuple):
    """One row per user; -1 means no genre, person or decade. `days` since the subscription."""

    genres: Ints
    directors: Ints
    actors: Ints
    decades: Ints
    classification: Ints
    days: Ints
    activity: Floats
    kindness: Floats


def draw_viewers(seed: int, block: int) -> Viewers:
    """The block-th BLOCK users."""
    rng = generator(seed, "user", block)
    archetype = weighted(rng, np.arange(1, len(ARCHETYPES) + 1, dtype=np.float64) ** -0.7, BLOCK)
    genres = blanked(distinct_rows(rng, _likings()[archetype], 4), spread(rng, 2, 4, BLOCK))
    recent = np.broadcast_to(0.7 ** np.arange(len(DECADES))[::-1], (BLOCK, len(DECADES)))
    days = np.minimum(rng.exponential(_SUBSCRIBED_DAYS_MEAN, BLOCK), _SUBSCRIBED_DAYS_MOST)
    directors = favourites(rng, "director", genres, 3)
    actors = favourites(rng, "actor", genres, 5)
    return Viewers(
        genres=genres,
        directors=blanked(directors, rng.integers(0, 4, BLOCK)),
        actors=blanked(actors, rng.integers(1, 6, BLOCK)),
        decades=blanked(distinct_rows(rng, recent, 3), spread(rng, 1, 3, BLOCK)),
        classification=weighted(rng, 1 / np.arange(1.0, len(MOVIE_CLASSES) + 1), BLOCK),
        days=days.astype(np.int64),
        activity=long_tail(rng, _ACTIVITY_ALPHA, BLOCK),
        kindness=rng.normal(0.0, 0.3, BLOCK),
    )


def _likings() -> Floats:
    """Each genre's weight for each archetype: its own genres far above the rest, which follow popularity."""
    weights = np.tile(genre_weights() * 0.04, (len(ARCHETYPES), 1))
    for row, family in enumerate(ARCHETYPES):
        weights[row, [GENRES.index(genre) for genre in family]] += 1.0
    return weights
