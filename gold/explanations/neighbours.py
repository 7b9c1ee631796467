"""Titles similar to a title: by what they have in common, or by who likes them."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from gold.affinity.title_index import TitleIndex

# Similarities are compared and shown to this many digits, so that rounding noise cannot affect the order.
_DIGITS = 4


class Neighbour(NamedTuple):
    """A similar title; `similarity` is a cosine: 1 is the same direction, 0 nothing in common."""

    content_id: str
    similarity: float


@dataclass(frozen=True)
class Vectors:
    """Titles as unit vectors: `rows` is titles x dimensions, dense or sparse, in the order of `content_ids`."""

    content_ids: Sequence[str]
    rows: Any  # scipy publishes no types


def feature_vectors(index: TitleIndex) -> Vectors:
    """The features of titles: genres, people, decades, each weighted by its rarity."""
    return Vectors(index.content_ids.to_pylist(), index.vectors.T.tocsr())


def factor_vectors(factors: pa.Table, *, only: Collection[str] | None = None) -> Vectors:
    """What a model learnt about titles from who likes them. `factors` has content_id and an array of numbers.

    `only` are the titles that are wanted. A title that nobody liked has no factors, so no vector.
    """
    known = factors.filter(pc.is_valid(factors["factors"]))
    if only is not None:
        known = known.filter(pc.is_in(known["content_id"], pa.array(sorted(only), pa.string())))
    table = known.sort_by("content_id")
    numbers = np.asarray(table["factors"].combine_chunks().flatten(), dtype=np.float64)
    rows: NDArray[np.float64] = numbers.reshape(table.num_rows, -1) if table.num_rows else np.zeros((0, 1))
    lengths = np.linalg.norm(rows, axis=1, keepdims=True)
    return Vectors(table["content_id"].to_pylist(), rows / np.where(lengths > 0, lengths, 1.0))


def nearest_titles(
    vectors: Vectors, content_id: str, *, count: int, among: Collection[str] | None = None, least: float = 0.0
) -> list[Neighbour]:
    """The most similar titles, best first, ties by id; none if the title has no vector.

    Only those with a similarity above `least`, and only those in `among` if it is given.
    """
    if content_id not in vectors.content_ids:
        return []
    place = vectors.content_ids.index(content_id)
    product = vectors.rows @ vectors.rows[[place]].T
    cosines = (product.toarray() if hasattr(product, "toarray") else product).ravel().round(_DIGITS)
    near = [(vectors.content_ids[other], cosines[other]) for other in np.flatnonzero(cosines > least).tolist()]
    alike = [
        Neighbour(other, float(cosine))
        for other, cosine in near
        if other != content_id and (among is None or other in among)
    ]
    return sorted(alike, key=lambda neighbour: (-neighbour.similarity, neighbour.content_id))[:count]
