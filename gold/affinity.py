"""How well a title fits a user's tastes: the cosine of their features, in which rare features weigh more."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from pyspark.core.broadcast import Broadcast
from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F
from pyspark.sql.types import ArrayType, DoubleType, StringType, StructField, StructType
from scipy.sparse import csr_matrix, diags_array

from gold.inputs import one_per_id
from lakehouse.tables import GOLD_AFFINITY

# Cells of one dense block of users x titles. A block needs about 40 bytes per cell: 80 MB.
BLOCK_CELLS = 2_000_000
# Cosines are compared as integers of this resolution, so that rounding noise decides no order.
RESOLUTION = 1_000_000

_STRINGS = ArrayType(StringType())
_TASTES = StructType(
    [
        StructField("id", StringType()),
        StructField("generos", _STRINGS),
        StructField("directores", _STRINGS),
        StructField("actores", _STRINGS),
        StructField("clasificacion", StringType()),
        StructField("decadas", _STRINGS),
    ]
)
_MATCH = StructType([StructField("content_id", StringType()), StructField("rating", DoubleType())])
_MATCHES = StructType([*_TASTES, StructField("matches", ArrayType(_MATCH))])


class Weights(NamedTuple):
    """What one shared feature of each kind weighs before its rarity counts; 0 leaves the kind out."""

    genre: float
    director: float
    actor: float
    rating: float
    decade: float


@dataclass(frozen=True)
class TitleIndex:
    """All titles as unit vectors: `vectors` is features x titles, `content_ids` in ascending order."""

    content_ids: Any  # pyarrow.Array of strings: pyarrow and scipy publish no types
    vocabulary: Any
    feature_weights: np.ndarray[Any, np.dtype[np.float64]]
    vectors: Any


def rate_titles(
    users: DataFrame, titles: DataFrame, *, weights: Weights, titles_per_user: int, partitions: int
) -> DataFrame:
    """One row per user and title that share something, of each user's best titles; ties go by content_id.

    `users` and `titles` are silver's. `partitions` is how many tasks score the users; it changes no row.
    """
    title_tastes = _title_tastes(titles)
    index = title_tastes.sparkSession.sparkContext.broadcast(index_titles(titles, weights=weights))
    user_tastes = _user_tastes(users).withColumn("features", _features(weights))
    # Without a stated number, AQE puts all users of a small table into one task.
    blocks = user_tastes.repartitionByRange(partitions, "id").sortWithinPartitions("id")
    # A Python UDF, because Spark has no product of sparse matrices: as a join, each shared genre would be a
    # row of users x titles to shuffle and aggregate. Here only each user's best titles leave the worker.
    best = blocks.mapInArrow(_scorer(index, titles_per_user), _MATCHES)
    pairs = best.withColumn("match", F.explode("matches")).withColumnRenamed("id", "user_id")
    return _with_matched(pairs, title_tastes).select(*GOLD_AFFINITY.columns)


def user_features(users: DataFrame, *, weights: Weights) -> DataFrame:
    """One row per user: user_id, and `features` as they are in the titles' vocabulary."""
    return _user_tastes(users).select(F.col("id").alias("user_id"), _features(weights).alias("features"))


def index_titles(titles: DataFrame, *, weights: Weights) -> TitleIndex:
    """The titles' matrix, on the driver: a row per feature, its weight by kind times its rarity.

    Rarity is the smoothed inverse document frequency ln((1 + n) / (1 + df)) + 1, with n titles of which df
    have the feature (Salton & Buckley 1988, smoothed as in scikit-learn's TfidfTransformer).
    """
    tastes = _title_tastes(titles)
    table = tastes.select("id", _features(weights).alias("features")).toArrow().sort_by("id")
    lists = table["features"].combine_chunks()
    encoded = lists.flatten().dictionary_encode()
    codes = encoded.indices.to_numpy(zero_copy_only=False)
    count, features = table.num_rows, len(encoded.dictionary)
    rarity = np.log((1 + count) / (1 + np.bincount(codes, minlength=features))) + 1
    by_kind = weights._asdict()
    kinds = [by_kind[feature.partition(":")[0]] for feature in encoded.dictionary.to_pylist()]
    feature_weights = np.asarray(kinds, dtype=np.float64) * rarity
    return TitleIndex(
        content_ids=table["id"].combine_chunks(),
        vocabulary=encoded.dictionary,
        feature_weights=feature_weights,
        vectors=unit_rows(lists, codes, feature_weights).T.tocsr(),
    )


def _user_tastes(users: DataFrame) -> DataFrame:
    tastes = users.withColumn("decadas", F.col("decadas_favoritas"))
    return one_per_id(tastes.select(*_TASTES.fieldNames()))


def _title_tastes(titles: DataFrame) -> DataFrame:
    tastes = titles.withColumn("decadas", F.array_compact(F.array("decada_lanzamiento")))
    return one_per_id(tastes.select(*_TASTES.fieldNames()))


def _features(weights: Weights) -> Column:
    """The tastes as one array of `kind:value`, each once, kinds without weight left out."""
    values = {
        "genre": F.col("generos"),
        "director": F.col("directores"),
        "actor": F.col("actores"),
        "rating": F.array_compact(F.array("clasificacion")),
        "decade": F.col("decadas"),
    }
    kinds = [kind for kind, weight in weights._asdict().items() if weight > 0]
    named = [_named(kind, values[kind]) for kind in kinds]
    return F.array_distinct(F.concat(F.array().cast(_STRINGS), *named))


def _named(kind: str, values: Column) -> Column:
    return F.transform(values, lambda value: F.concat(F.lit(f"{kind}:"), value))


def _scorer(index: Broadcast[TitleIndex], titles_per_user: int) -> Any:
    def score(batches: Iterator[Any]) -> Iterator[Any]:
        titles = index.value
        block_rows = max(1, BLOCK_CELLS // max(1, len(titles.content_ids)))
        for batch in batches:
            for start in range(0, batch.num_rows, block_rows):
                users = batch.slice(start, block_rows)
                matches = best_titles(users["features"], titles, titles_per_user=titles_per_user)
                columns = [users[name] for name in _TASTES.fieldNames()]
                yield pa.RecordBatch.from_arrays([*columns, matches], names=_MATCHES.fieldNames())

    return score


def best_titles(features: Any, titles: TitleIndex, *, titles_per_user: int) -> Any:
    """For each user's list of features, the list of (content_id, rating) of the best titles, best first.

    Features that no title has are left out, of the vector's length too. The rating is 1 + 4 * sqrt(cosine):
    most of the best matches have cosines of 0.1 to 0.3, and the root, which keeps the order and both ends,
    spreads them over the scale.
    """
    codes = pc.index_in(features.flatten(), value_set=titles.vocabulary).to_numpy(zero_copy_only=False)
    users = unit_rows(features, codes, titles.feature_weights)
    cosines = (users @ titles.vectors).toarray()
    count = cosines.shape[1]
    whole = np.maximum(np.rint(cosines * RESOLUTION).astype(np.int64), cosines > 0)
    # One integer per cell that holds the score and, below it, the title's place: a total order.
    keys = whole * max(1, count) + np.arange(count, 0, -1) - 1
    kept = min(titles_per_user, count)
    best = np.argpartition(keys, count - kept, axis=1)[:, count - kept :] if kept < count else np.argsort(keys)
    order = np.argsort(-np.take_along_axis(keys, best, axis=1), axis=1)
    best = np.take_along_axis(best, order, axis=1)
    scores = np.take_along_axis(whole, best, axis=1)
    shared = scores > 0
    offsets = np.concatenate([[0], np.cumsum(shared.sum(axis=1))]).astype(np.int32)
    ratings = np.round(1 + 4 * np.sqrt(scores[shared] / RESOLUTION), 6)
    rows = pa.StructArray.from_arrays(
        [titles.content_ids.take(pa.array(best[shared])), pa.array(ratings)], names=_MATCH.fieldNames()
    )
    return pa.ListArray.from_arrays(pa.array(offsets), rows)


def unit_rows(lists: Any, codes: Any, feature_weights: Any) -> Any:
    """A sparse row of length 1 per list of features; a code that is NaN is a feature that no title has."""
    known = ~np.isnan(codes)
    lengths = pc.fill_null(pc.list_value_length(lists), 0).to_numpy(zero_copy_only=False)
    rows = np.repeat(np.arange(len(lists)), lengths)[known]
    columns = codes[known].astype(np.int64)
    matrix = csr_matrix((feature_weights[columns], (rows, columns)), shape=(len(lists), len(feature_weights)))
    matrix.sort_indices()
    squares = np.asarray(matrix.multiply(matrix).sum(axis=1)).ravel()
    lengths = np.sqrt(np.where(squares > 0, squares, 1.0))
    return csr_matrix(diags_array(1 / lengths) @ matrix)


def _with_matched(pairs: DataFrame, title_tastes: DataFrame) -> DataFrame:
    """Each pair with what its user and its title share, in the order of the user's tastes."""
    title = title_tastes.select(
        F.col("id").alias("content_id"), F.struct(*_TASTES.fieldNames()[1:]).alias("title")
    )
    rated = pairs.withColumn("content_id", F.col("match.content_id"))
    joined = rated.join(F.broadcast(title), on="content_id", how="inner")
    same_rating = F.col("clasificacion") == F.col("title.clasificacion")
    matched = F.struct(
        F.array_intersect("generos", F.col("title.generos")).alias("generos"),
        F.array_intersect("directores", F.col("title.directores")).alias("directores"),
        F.array_intersect("actores", F.col("title.actores")).alias("actores"),
        F.when(same_rating, F.col("clasificacion")).alias("clasificacion"),
        F.get(F.array_intersect("decadas", F.col("title.decadas")), F.lit(0)).alias("decada"),
    )
    return joined.withColumn("rating", F.col("match.rating")).withColumn("matched", matched)
