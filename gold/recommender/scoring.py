"""The best titles for a block of users, in numpy: ranked by the blend, with predicted values."""

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow.compute as pc
from scipy.sparse import csr_matrix, diags_array

from gold.affinity.title_index import TitleIndex

Floats = npt.NDArray[np.floating[Any]]

LOWEST, HIGHEST = 0.5, 5.0
# The middle of the scale, used while nobody has rated anything.
NEUTRAL = 3.0
# The sources of a place.
SOURCES = ("als", "affinity", "popularity")
_ALS, _AFFINITY, _POPULARITY = range(3)
# Scores are compared as integers at this resolution, so that rounding noise cannot affect the order.
RESOLUTION = 1_000_000


class BlendWeights(NamedTuple):
    """The weight of each part in the ranking. Factor scores have a root mean square of 1 per user.

    `taste` is for the cosine of a title and a user's tastes, `popularity` for ln(1 + viewers), `new_titles` for
    the factors that a title without feedback gets from its features, as a share of `factors`.
    """

    factors: float
    taste: float
    popularity: float
    new_titles: float


@dataclass(frozen=True)
class TitleFeatures:
    """One entry per title of `index.content_ids`, in that order.

    `factors` are the model's; for a title that it does not know (`known` is false), the mean of its features'.
    `scales` has per fit the mean outer product of the known titles' factors. `places` rank by popularity, from 1.
    """

    index: TitleIndex
    factors: Floats
    known: npt.NDArray[np.bool_]
    scales: tuple[Floats, ...]
    value_factors: Floats
    biases: Floats
    viewers: Floats
    places: npt.NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.index.content_ids)

    def positions(self, content_ids: Any) -> Any:
        """The positions of these ids; NaN for an id that is not a title."""
        return pc.index_in(content_ids, value_set=self.index.content_ids).to_numpy(zero_copy_only=False)


@dataclass(frozen=True)
class Users:
    """One entry per user of a block; the sparse ones are users x titles.

    `liked` has the confidence for titles they took to, `features` the unit vectors of their declared tastes (users
    x features), `affinity` the affinity ratings of those without factors. `known`: whether they have factors.
    """

    factors: Floats
    known: npt.NDArray[np.bool_]
    value_factors: Floats
    biases: Floats
    seen: Any
    liked: Any
    features: Any
    affinity: Any


@dataclass(frozen=True)
class Best:
    """Arrays of users x places: title positions, best first, values, sources; `count` places are filled."""

    titles: npt.NDArray[np.int64]
    values: Floats
    sources: npt.NDArray[np.int64]
    count: npt.NDArray[np.int64]


def best_titles(
    users: Users,
    titles: TitleFeatures,
    *,
    weights: BlendWeights,
    ranks: tuple[int, ...],
    mean: float | None,
    titles_per_user: int,
) -> Best:
    """Each user's top titles among those not seen; ties are broken by content_id."""
    taste = _taste(users, titles)
    scores = np.rint(_blended(users, titles, taste, weights, ranks) * RESOLUTION).astype(np.int64)
    affinity = users.affinity.toarray()
    unknown = ~users.known
    scores[unknown] = _without_factors(affinity[unknown], titles)
    seen = users.seen.toarray() > 0
    chosen = _largest(scores, seen, min(titles_per_user, len(titles)))
    rows = np.arange(len(scores))[:, None]
    fits = np.where(users.known[:, None], taste[rows, chosen], affinity[rows, chosen]) > 0
    learnt = users.known[:, None] & titles.known[chosen]
    sources = np.where(learnt, _ALS, np.where(fits, _AFFINITY, _POPULARITY))
    values = _values(users, titles, chosen, affinity[rows, chosen], mean)
    count = np.minimum(chosen.shape[1], (~seen).sum(axis=1))
    return Best(chosen, never_rising(values, count), sources, count)


def never_rising(values: Floats, count: npt.NDArray[np.int64]) -> Floats:
    """The closest values, by least squares, that never rise along a row; each row keeps its mean.

    Isotonic regression by its min-max formula (Barlow et al. 1972): at place k the least, over starts a <= k, of
    the largest mean of a..b over ends b >= k. Only the first `count` places of a row are used.
    """
    places = values.shape[1]
    sums = np.concatenate([np.zeros((len(values), 1)), np.cumsum(values, axis=1)], axis=1)
    result = np.full(values.shape, np.inf)
    for start in range(places):
        means = (sums[:, start + 1 :] - sums[:, start : start + 1]) / np.arange(1, places - start + 1)
        means[np.arange(start, places)[None, :] >= count[:, None]] = -np.inf
        best = np.maximum.accumulate(means[:, ::-1], axis=1)[:, ::-1]
        result[:, start:] = np.minimum(result[:, start:], best)
    return result


def split_fits(factors: Floats, ranks: tuple[int, ...]) -> list[Floats]:
    """The columns of each fit."""
    return np.split(factors, np.cumsum(ranks)[:-1], axis=1)


def _blended(
    users: Users, titles: TitleFeatures, taste: Floats, weights: BlendWeights, ranks: tuple[int, ...]
) -> Floats:
    learnt = np.zeros((len(users.known), len(titles)))
    parts = zip(split_fits(users.factors, ranks), split_fits(titles.factors, ranks), titles.scales, strict=True)
    for own, theirs, scale in parts:
        size = np.sqrt(np.einsum("ij,jk,ik->i", own, scale, own, optimize=True))
        learnt += (own / np.maximum(size, 1e-12)[:, None]) @ theirs.T
    learnt *= np.where(titles.known, weights.factors, weights.factors * weights.new_titles) / len(ranks)
    return np.asarray(learnt + weights.taste * taste + weights.popularity * np.log1p(titles.viewers))


def _taste(users: Users, titles: TitleFeatures) -> Floats:
    """The cosine of each title with the sum of the user's declared tastes and the titles that they took to."""
    profiles = csr_matrix(users.liked @ titles.index.vectors.T + users.features)
    squares = np.asarray(profiles.multiply(profiles).sum(axis=1)).ravel()
    unit = diags_array(1 / np.sqrt(np.where(squares > 0, squares, 1.0))) @ profiles
    return np.asarray((unit @ titles.index.vectors).toarray())


def _without_factors(affinity: Floats, titles: TitleFeatures) -> npt.NDArray[np.int64]:
    """Titles that fit a user's tastes first, best first, then popular ones."""
    fitting = np.rint(affinity * RESOLUTION).astype(np.int64) + len(titles)
    return np.where(affinity > 0, fitting, len(titles) - titles.places)


def _largest(scores: npt.NDArray[np.int64], seen: npt.NDArray[np.bool_], kept: int) -> npt.NDArray[np.int64]:
    count = scores.shape[1]
    # One integer per cell, with the score above the title's place: a total order.
    keys = scores * count + np.arange(count, 0, -1) - 1
    keys[seen] = np.iinfo(np.int64).min
    best = np.argpartition(keys, count - kept, axis=1)[:, count - kept :]
    order = np.argsort(-np.maximum(np.take_along_axis(keys, best, axis=1), -np.iinfo(np.int64).max), axis=1)
    return np.take_along_axis(best, order, axis=1)


def _values(
    users: Users, titles: TitleFeatures, chosen: npt.NDArray[np.int64], affinity: Floats, mean: float | None
) -> Floats:
    """The expected ratings, on the scale; if nobody has rated: affinity, or the middle of the scale."""
    if mean is None:
        return np.where(affinity > 0, affinity, NEUTRAL)
    products = np.einsum("ik,ijk->ij", users.value_factors, titles.value_factors[chosen])
    expected = mean + users.biases[:, None] + titles.biases[chosen] + products
    return np.asarray(np.clip(expected, LOWEST, HIGHEST))
