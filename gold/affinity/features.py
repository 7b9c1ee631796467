"""The features of titles, and how much each counts: numbers only, no Spark and no matrices."""

from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray


class Weights(NamedTuple):
    """The weight of a shared feature per kind, before its rarity; 0 leaves the kind out."""

    genre: float
    director: float
    actor: float
    rating: float
    decade: float


class Vocabulary(NamedTuple):
    """All features of some titles, the most frequent first: their names, how many titles have each, its weight."""

    names: Any  # pyarrow.Array of strings: pyarrow publishes no types
    counts: NDArray[np.int64]
    weights: NDArray[np.float64]


def weigh_features(lists: Any, *, weights: Weights) -> Vocabulary:
    """The vocabulary of titles, from an Arrow array with each one's list of features.

    A feature's weight is its kind's weight times its rarity, the smoothed inverse document frequency
    ln((1 + n) / (1 + df)) + 1, with n titles of which df have the feature (Salton & Buckley 1988, smoothed as in
    scikit-learn's TfidfTransformer).
    """
    encoded = lists.flatten().dictionary_encode()
    counts = np.bincount(encoded.indices.to_numpy(zero_copy_only=False), minlength=len(encoded.dictionary))
    order = np.argsort(-counts, kind="stable")
    names, counts = encoded.dictionary.take(pa.array(order)), counts[order]
    rarity = np.log((1 + len(lists)) / (1 + counts)) + 1
    by_kind = weights._asdict()
    kinds = [by_kind[feature.partition(":")[0]] for feature in names.to_pylist()]
    return Vocabulary(names, counts, np.asarray(kinds, dtype=np.float64) * rarity)
