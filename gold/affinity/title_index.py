"""Titles as unit vectors of their features, and the best titles for a user: numbers only, no Spark."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from scipy.sparse import csr_matrix, diags_array

from gold.affinity.features import FeatureWeights, weigh_features

# A feature that more than this share of the titles have is kept as a dense row: adding a whole row is faster than
# adding its entries one by one.
_COMMON = 0.02
# Titles are dealt into this many groups per title kept, to find a lower bound for the scores of those kept.
_GROUPS = 8
# Cosines are compared as integers at this resolution, so that rounding noise cannot affect the order.
RESOLUTION = 1_000_000


@dataclass(frozen=True)
class TitleIndex:
    """All titles as unit vectors: `vectors` is features x titles, most frequent features first.

    `content_ids` are in ascending order. `common` holds the first rows of `vectors` as a dense matrix.
    """

    content_ids: Any  # pyarrow.Array of strings: pyarrow and scipy publish no types
    vocabulary: Any
    feature_weights: np.ndarray[Any, np.dtype[np.float64]]
    vectors: Any
    common: np.ndarray[Any, np.dtype[np.float64]]


def index_features(table: Any, *, weights: FeatureWeights) -> TitleIndex:
    """The matrix of the titles, from an Arrow table (id, features) in ascending order of ids."""
    lists = table["features"].combine_chunks()
    encoded = lists.flatten().dictionary_encode()
    counts = np.bincount(encoded.indices.to_numpy(zero_copy_only=False), minlength=len(encoded.dictionary))
    order = np.argsort(-counts, kind="stable")
    vocabulary, counts = encoded.dictionary.take(pa.array(order)), counts[order]
    feature_weights = weigh_features(vocabulary.to_pylist(), counts, titles=table.num_rows, weights=weights)
    vectors = unit_rows(lists, vocabulary, feature_weights).T.tocsr()
    return TitleIndex(
        content_ids=table["id"].combine_chunks(),
        vocabulary=vocabulary,
        feature_weights=feature_weights,
        vectors=vectors,
        common=vectors[: int((counts > _COMMON * table.num_rows).sum())].toarray(),
    )


def best_titles(features: Any, titles: TitleIndex, *, titles_per_user: int) -> Any:
    """For each user's list of features, a list of (content_id, rating) of the best titles, best first.

    Features that no title has are ignored, in the vector's length too. The rating is 1 + 4 * sqrt(cosine): most
    best matches have cosines of 0.1 to 0.3, and the root spreads them over the scale while keeping the order
    and both ends.
    """
    cosines = _cosines(unit_rows(features, titles.vocabulary, titles.feature_weights), titles)
    count = cosines.shape[1]
    least = _lower_bound(cosines, titles_per_user) - 2 / RESOLUTION
    # ordered by user and then content_id, which the stable sort keeps for equal scores
    cells = np.flatnonzero(cosines >= np.maximum(least, np.finfo(np.float64).tiny)[:, None])
    users, places = np.divmod(cells, max(1, count))
    scores = np.maximum(np.rint(cosines.ravel()[cells] * RESOLUTION).astype(np.int64), 1)
    order = np.argsort(users * (2 * RESOLUTION) - scores, kind="stable")
    users, places, scores = users[order], places[order], scores[order]
    kept = np.arange(len(users)) - np.searchsorted(users, users) < titles_per_user
    offsets = np.concatenate([[0], np.cumsum(np.bincount(users[kept], minlength=len(cosines)))]).astype(np.int32)
    ratings = np.round(1 + 4 * np.sqrt(scores[kept] / RESOLUTION), 6)
    rows = pa.StructArray.from_arrays(
        [titles.content_ids.take(pa.array(places[kept])), pa.array(ratings)], names=["content_id", "rating"]
    )
    return pa.ListArray.from_arrays(pa.array(offsets), rows)


def _cosines(users: Any, titles: TitleIndex) -> Any:
    """Users x titles, dense. A user's values do not depend on the other users in the block."""
    common = len(titles.common)
    cosines = users[:, :common] @ titles.common
    rare = (users[:, common:] @ titles.vectors[common:]).tocoo()
    cosines[rare.row, rare.col] += rare.data
    return cosines


def _lower_bound(cosines: Any, kept: int) -> Any:
    """For each user, a value that at least `kept` titles reach, or 0; close to the score of the last of them.

    With the titles dealt into groups, at least `kept` groups have a best title that reaches the bound. This
    searches a few groups instead of all titles.
    """
    groups = _GROUPS * kept
    whole = cosines.shape[1] // groups * groups
    if whole == 0:
        return np.zeros(len(cosines))
    best = cosines[:, :whole].reshape(len(cosines), -1, groups).max(axis=1)
    return np.partition(best, groups - kept, axis=1)[:, groups - kept]


def unit_rows(lists: Any, vocabulary: Any, feature_weights: Any) -> Any:
    """A sparse unit row per list of features; features outside the vocabulary are ignored."""
    codes = pc.index_in(lists.flatten(), value_set=vocabulary).to_numpy(zero_copy_only=False)
    known = ~np.isnan(codes)
    lengths = pc.fill_null(pc.list_value_length(lists), 0).to_numpy(zero_copy_only=False)
    rows = np.repeat(np.arange(len(lists)), lengths)[known]
    columns = codes[known].astype(np.int64)
    matrix = csr_matrix((feature_weights[columns], (rows, columns)), shape=(len(lists), len(feature_weights)))
    matrix.sort_indices()
    squares = np.asarray(matrix.multiply(matrix).sum(axis=1)).ravel()
    lengths = np.sqrt(np.where(squares > 0, squares, 1.0))
    return csr_matrix(diags_array(1 / lengths) @ matrix)
