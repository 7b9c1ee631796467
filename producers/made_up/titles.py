"""Movies and series as numbers: the columns from which records are written and viewers choose."""

from typing import Literal, NamedTuple

import numpy as np

from producers.made_up.draws import (
    BLOCK,
    Floats,
    Ints,
    blanked,
    distinct_rows,
    generator,
    long_tail,
    weighted,
    weighted_rows,
)
from producers.made_up.lexicon import (
    CHILD_GENRES,
    DECADES,
    GENRES,
    MOVIE_CHILD_CLASSES,
    MOVIE_CLASSES,
    SERIES_CHILD_CLASSES,
    SERIES_CLASSES,
    genre_bonds,
    genre_weights,
)
from producers.made_up.people import cast, spread

Kind = Literal["movie", "series"]

# The classifications of each kind in one list, so that a column can hold positions; those for children come last.
CLASSES: dict[Kind, tuple[str, ...]] = {
    "movie": MOVIE_CLASSES + MOVIE_CHILD_CLASSES,
    "series": SERIES_CLASSES + SERIES_CHILD_CLASSES,
}
_GROWN_UP: dict[Kind, int] = {"movie": len(MOVIE_CLASSES), "series": len(SERIES_CLASSES)}

# Each decade has this fraction of the next decade's titles.
_DECADE_DECAY = 0.62
_POPULARITY_ALPHA = 1.3


class DrawnTitles(NamedTuple):
    """One row per title; -1 means no genre or person. `popularity` and `quality` drive the viewers' choices."""

    genres: Ints
    directors: Ints
    actors: Ints
    classification: Ints
    decade: Ints
    seasons: Ints
    episodes: Ints
    popularity: Floats
    quality: Floats


def draw_titles(seed: int, kind: Kind, block: int) -> DrawnTitles:
    """The block-th BLOCK titles of this kind."""
    rng = generator(seed, kind, block)
    main = weighted(rng, genre_weights(), BLOCK)
    others = distinct_rows(rng, genre_bonds()[main], 2)
    genres = blanked(np.column_stack([main, others]), spread(rng, 1, 3, BLOCK))
    directors = cast(rng, "director", genres=main, second=genres[:, 1], block=block, places=2)
    actors = cast(rng, "actor", genres=main, second=genres[:, 1], block=block, places=8)
    ages = np.arange(len(DECADES), dtype=np.float64)[::-1]
    seasons = spread(rng, 1, 9, BLOCK)
    return DrawnTitles(
        genres=genres,
        directors=blanked(directors, np.where(rng.random(BLOCK) < 0.15, 2, 1)),
        actors=blanked(actors, spread(rng, 3, 8, BLOCK)),
        classification=_classes(rng, kind, main),
        decade=weighted(rng, _DECADE_DECAY**ages, BLOCK),
        seasons=seasons,
        episodes=seasons * rng.integers(6, 14, BLOCK),
        popularity=long_tail(rng, _POPULARITY_ALPHA, BLOCK),
        quality=rng.normal(0.0, 0.4, BLOCK),
    )


def _classes(rng: np.random.Generator, kind: Kind, genre: Ints) -> Ints:
    grown_up, total = _GROWN_UP[kind], len(CLASSES[kind])
    place = np.arange(total, dtype=np.float64)
    general = np.where(place < grown_up, 1 / (1 + place), 0.0)
    children = np.where(place >= grown_up, 1 / (1 + np.abs(place - grown_up)), 0.0)
    for_children = np.isin(genre, [GENRES.index(name) for name in CHILD_GENRES])
    return weighted_rows(rng, np.where(for_children[:, None], children, general))
