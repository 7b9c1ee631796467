"""How much each feature of titles counts: numbers only, no Spark and no matrices."""

from collections.abc import Iterable
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray


class FeatureWeights(NamedTuple):
    """The weight of a shared feature per kind, before its rarity; 0 leaves the kind out."""

    genre: float
    director: float
    actor: float
    rating: float
    decade: float


def weigh_features(
    features: Iterable[str], counts: NDArray[np.int64], *, titles: int, weights: FeatureWeights
) -> NDArray[np.float64]:
    """The weight of each feature (`kind:value`): its kind's weight times its rarity.

    `counts` says how many of the titles have it. Rarity is the smoothed inverse document frequency
    ln((1 + n) / (1 + df)) + 1, with n titles of which df have the feature (Salton & Buckley 1988, smoothed as in
    scikit-learn's TfidfTransformer).
    """
    by_kind: dict[str, Any] = weights._asdict()
    kinds = [by_kind[feature.partition(":")[0]] for feature in features]
    rarity = np.log((1 + titles) / (1 + counts)) + 1
    return np.asarray(np.asarray(kinds, dtype=np.float64) * rarity)
