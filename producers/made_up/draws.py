"""Seeded draws in blocks: entity k depends only on the seed and k, however many are drawn."""

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]

# Entities are drawn this many at a time; a shorter run is a prefix of a longer one.
BLOCK = 500

# How strongly a drawn rank favours the first of its pool: about 1 / rank^0.4, stars and a long tail.
_RANK_STEEPNESS = 1.6
_MIX = 0x9E3779B97F4A7C15
_MIX_SEED = 0xD6E8FEB86659FD93
_MASK = (1 << 64) - 1


def generator(seed: int, kind: str, block: int) -> np.random.Generator:
    """The draws of one block of one kind of entity."""
    return np.random.default_rng([seed, *kind.encode(), block])


def weighted(rng: np.random.Generator, weights: Floats, size: int) -> Ints:
    """Indexes drawn with these relative weights."""
    return rng.choice(len(weights), size=size, p=weights / weights.sum()).astype(np.int64)


def weighted_rows(rng: np.random.Generator, weights: Floats) -> Ints:
    """One column index per row, drawn with that row's relative weights."""
    edges = np.cumsum(weights, axis=1)
    picks = rng.random((len(weights), 1)) * edges[:, -1:]
    index: Ints = (edges < picks).sum(axis=1).astype(np.int64)
    return index


def distinct_rows(rng: np.random.Generator, weights: Floats, most: int) -> Ints:
    """`most` different column indexes per row, drawn with that row's weights (the Gumbel trick)."""
    with np.errstate(divide="ignore"):
        keys = np.log(weights) + rng.gumbel(size=weights.shape)
    best: Ints = np.argsort(-keys, axis=1)[:, :most].astype(np.int64)
    return best


def ranks(rng: np.random.Generator, pool: int, shape: tuple[int, ...]) -> Ints:
    """Ranks in a pool, low ones much more often."""
    return (pool * rng.random(shape) ** _RANK_STEEPNESS).astype(np.int64)


def long_tail(rng: np.random.Generator, alpha: float, size: int) -> Floats:
    """Weights of which few are large: Pareto, capped so that no single one dominates."""
    return np.minimum(rng.random(size) ** (-1 / alpha), 60.0)


def blanked(values: Ints, kept: Ints) -> Ints:
    """The first `kept` values of each row; the others become -1."""
    return np.where(np.arange(values.shape[1]) < kept[:, None], values, -1)


@lru_cache(maxsize=65536)
def mixed(seed: int, kind: str, number: int) -> int:
    """64 well-mixed bits for one numbered thing, such as the name of director 17 (splitmix64's finalizer)."""
    bits = (seed * _MIX_SEED + sum(kind.encode()) * 0x100000001B3 + number * _MIX + _MIX) & _MASK
    bits = ((bits ^ (bits >> 30)) * 0xBF58476D1CE4E5B9) & _MASK
    bits = ((bits ^ (bits >> 27)) * 0x94D049BB133111EB) & _MASK
    return bits ^ (bits >> 31)
