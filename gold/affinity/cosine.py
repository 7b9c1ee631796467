"""How well a title fits a user's tastes: the cosine of their features, with rare features weighted higher."""

from collections.abc import Iterator
from typing import Any

import pyarrow as pa
from pyspark.core.broadcast import Broadcast
from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F
from pyspark.sql.types import ArrayType, DoubleType, StringType, StructField, StructType

from gold.affinity.features import FeatureWeights
from gold.affinity.title_index import TitleIndex, best_titles, index_features
from gold.inputs import one_per_id
from lakehouse.tables import GOLD_AFFINITY

# Cells per dense block of users x titles. A block needs about 20 bytes per cell: 40 MB.
BLOCK_CELLS = 2_000_000

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
# The columns of silver's users and titles that affinity ratings depend on.
USER_TASTES = ("id", "generos", "directores", "actores", "clasificacion", "decadas_favoritas")
TITLE_TASTES = ("id", "generos", "directores", "actores", "clasificacion", "decada_lanzamiento")
_MATCH = StructType([StructField("content_id", StringType()), StructField("rating", DoubleType())])
_MATCHES = StructType([*_TASTES, StructField("matches", ArrayType(_MATCH))])


def rate_titles(
    users: DataFrame, titles: DataFrame, *, weights: FeatureWeights, titles_per_user: int, partitions: int
) -> DataFrame:
    """One row per user and title that share a feature, for each user's best titles; ties are broken by content_id.

    `users` and `titles` are silver's. `partitions` is the number of scoring tasks; it does not affect the rows.
    """
    offered = title_tastes(titles)
    index = offered.sparkSession.sparkContext.broadcast(index_titles(offered, weights=weights))
    wanted = user_tastes(users).withColumn("features", named_features(weights))
    # Without an explicit number, AQE puts all users of a small table into one task.
    blocks = wanted.repartitionByRange(partitions, "id").sortWithinPartitions("id")
    # A Python UDF, because Spark cannot multiply sparse matrices: as a join, each shared genre would be a row of
    # users x titles to shuffle and aggregate. Here only each user's best titles leave the worker.
    best = blocks.mapInArrow(_scorer(index, titles_per_user), _MATCHES)
    pairs = best.withColumn("match", F.explode("matches")).withColumnRenamed("id", "user_id")
    return with_matched(pairs, offered).select(*GOLD_AFFINITY.columns)


def index_titles(tastes: DataFrame, *, weights: FeatureWeights) -> TitleIndex:
    """The matrix of the titles, on the driver."""
    table = tastes.select("id", named_features(weights).alias("features")).toArrow()
    return index_features(table.sort_by("id"), weights=weights)


def user_features(users: DataFrame, *, weights: FeatureWeights) -> DataFrame:
    """One row per user: user_id, and `features` in the vocabulary of the titles."""
    return user_tastes(users).select(F.col("id").alias("user_id"), named_features(weights).alias("features"))


def user_tastes(users: DataFrame) -> DataFrame:
    """One row per user: id and tastes, each kind in a column that titles have too."""
    tastes = users.select(*USER_TASTES).withColumn("decadas", F.col("decadas_favoritas"))
    return one_per_id(tastes.select(*_TASTES.fieldNames()))


def title_tastes(titles: DataFrame) -> DataFrame:
    """One row per title: id and features, in the columns of `user_tastes`."""
    tastes = titles.select(*TITLE_TASTES).withColumn("decadas", F.array_compact(F.array("decada_lanzamiento")))
    return one_per_id(tastes.select(*_TASTES.fieldNames()))


def named_features(weights: FeatureWeights) -> Column:
    """The tastes as one array of distinct `kind:value`, without kinds of weight 0."""
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


def with_matched(pairs: DataFrame, titles: DataFrame) -> DataFrame:
    """Each pair with the features that its user and its title share, in the order of the user's tastes.

    A pair has the user's tastes and `match`, a struct of content_id and rating.
    """
    title = titles.select(F.col("id").alias("content_id"), F.struct(*_TASTES.fieldNames()[1:]).alias("title"))
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
