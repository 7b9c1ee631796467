"""Titles similar to a title: by what they have in common, or by who likes them."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from gold.affinity.features import FeatureWeights, weigh_features

# Similarities are compared and shown to this many digits, so that rounding noise cannot affect the order.
_DIGITS = 4

Numbers = NDArray[np.float64]


class Neighbour(NamedTuple):
    """A similar title; `similarity` is a cosine: 1 is the same direction, 0 nothing in common."""

    content_id: str
    similarity: float


class Vectors(Protocol):
    """Titles as unit vectors."""

    @property
    def content_ids(self) -> Sequence[str]: ...
    def cosines(self, place: int) -> Numbers:
        """The cosine of the title at this place with each title."""


@dataclass(frozen=True)
class DenseVectors:
    """`rows` is titles x dimensions, in the order of `content_ids`."""

    content_ids: Sequence[str]
    rows: Numbers

    def cosines(self, place: int) -> Numbers:
        return np.asarray(self.rows @ self.rows[place])


@dataclass(frozen=True)
class SparseVectors:
    """The numbers that are not zero: each one's title, as its place in `content_ids`, and its dimension.

    A scipy matrix would do, but importing scipy takes longer than all else that a command does.
    """

    content_ids: Sequence[str]
    titles: NDArray[np.int64]
    dimensions: NDArray[np.int64]
    values: Numbers

    def cosines(self, place: int) -> Numbers:
        own = self.titles == place
        wanted = np.zeros(int(self.dimensions.max(initial=0)) + 1)
        wanted[self.dimensions[own]] = self.values[own]
        products = self.values * wanted[self.dimensions]
        return np.asarray(np.bincount(self.titles, products, len(self.content_ids)), dtype=np.float64)


def feature_vectors(content_ids: Any, features: pa.Table, *, weights: FeatureWeights) -> SparseVectors:
    """The features of titles: genres, people, decades, each weighted by its rarity.

    `content_ids` is an Arrow array, `features` has id and feature, in any order.
    """
    encoded = features["feature"].combine_chunks().dictionary_encode()
    ranks = np.argsort(_numbers(pc.array_sort_indices(encoded.dictionary)))
    dimensions = _numbers(encoded.indices)
    titles = _numbers(pc.index_in(features["id"], value_set=content_ids).combine_chunks())
    order = np.lexsort((ranks[dimensions], titles))  # the order of rows must not affect a sum's last digit
    titles, dimensions = titles[order], dimensions[order]
    names = encoded.dictionary.to_pylist()
    counts = np.bincount(dimensions, minlength=len(names))
    values = weigh_features(names, counts, titles=len(content_ids), weights=weights)[dimensions]
    lengths = np.sqrt(np.bincount(titles, values**2, len(content_ids)))
    return SparseVectors(content_ids.to_pylist(), titles, dimensions, values / lengths[titles])


def factor_vectors(factors: pa.Table, *, only: Collection[str] | None = None) -> DenseVectors:
    """What a model learnt about titles from who likes them. `factors` has content_id and an array of numbers.

    `only` are the titles that are wanted. A title that nobody liked has no factors, so no vector.
    """
    known = factors.filter(pc.is_valid(factors["factors"])).sort_by("content_id")
    content_ids = known["content_id"].to_pylist()
    numbers = _numbers(known["factors"].combine_chunks().flatten()).astype(np.float64)
    rows: Numbers = numbers.reshape(len(content_ids), -1) if content_ids else np.zeros((0, 1))
    if only is not None:
        rows = rows[[content_id in only for content_id in content_ids]]
        content_ids = [content_id for content_id in content_ids if content_id in only]
    lengths = np.linalg.norm(rows, axis=1, keepdims=True)
    return DenseVectors(content_ids, rows / np.where(lengths > 0, lengths, 1.0))


def _numbers(array: Any) -> NDArray[Any]:
    """An Arrow array of numbers, without nulls. Its `to_numpy` would import pandas: a third of a second, 50 MB."""
    return np.from_dlpack(array)


def nearest_titles(
    vectors: Vectors, content_id: str, *, count: int, among: Collection[str] | None = None, least: float = 0.0
) -> list[Neighbour]:
    """The most similar titles, best first, ties by id; none if the title has no vector.

    Only those with a similarity above `least`, and only those in `among` if it is given.
    """
    if content_id not in vectors.content_ids:
        return []
    cosines = vectors.cosines(vectors.content_ids.index(content_id)).round(_DIGITS)
    near = [(vectors.content_ids[other], cosines[other]) for other in np.flatnonzero(cosines > least).tolist()]
    alike = [
        Neighbour(other, float(cosine))
        for other, cosine in near
        if other != content_id and (among is None or other in among)
    ]
    return sorted(alike, key=lambda neighbour: (-neighbour.similarity, neighbour.content_id))[:count]
