"""Directors and actors: each belongs to one genre, works mostly in it, and has one name per seed."""

import math

import numpy as np

from producers.made_up.draws import Floats, Ints, mixed, ranks
from producers.made_up.lexicon import GENRES, names

# People per genre in a small catalogue; the pools grow with the square root of the catalogue.
_POOLS = {"director": 60, "actor": 200}

# How often a title takes someone from its main genre rather than its second.
_AT_HOME = 0.8


def pool_size(role: str, block: int) -> int:
    return round(_POOLS[role] * math.sqrt(block + 1))


def cast(rng: np.random.Generator, role: str, *, genres: Ints, second: Ints, block: int, places: int) -> Ints:
    """Numbers of `places` people per row: mostly from the row's genre, sometimes from its second one."""
    shape = (len(genres), places)
    home = rng.random(shape) < _AT_HOME
    genre = np.where(home, genres[:, None], np.where(second < 0, genres, second)[:, None])
    return ranks(rng, pool_size(role, block), shape) * len(GENRES) + genre


def favourites(rng: np.random.Generator, role: str, genres: Ints, places: int) -> Ints:
    """Numbers of `places` people per row, each from one of the row's genres (-1 is no genre), stars first."""
    shape = (len(genres), places)
    column = (rng.random(shape) * (genres >= 0).sum(axis=1)[:, None]).astype(np.int64)
    genre = np.take_along_axis(genres, column, axis=1)
    return ranks(rng, pool_size(role, 0), shape) * len(GENRES) + genre


def person(seed: int, role: str, number: int) -> str:
    return names(seed).person(mixed(seed, role, number))


def spread(rng: np.random.Generator, low: int, high: int, size: int) -> Ints:
    """Random counts from low to high, small ones more often."""
    steps: Floats = rng.random(size) ** 1.5
    return (low + steps * (high - low + 1)).astype(np.int64)
