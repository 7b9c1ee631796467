"""Latent factors of users and titles, learnt by alternating least squares (Spark's ALS).

Hu, Koren & Volinsky, "Collaborative filtering for implicit feedback datasets", 2008, and its explicit form, in
which Spark scales the regularization by the number of ratings (Zhou et al., "Large-scale parallel collaborative
filtering for the Netflix prize", 2008).
"""

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import NamedTuple

import pyarrow as pa
from pyspark.ml.feature import StringIndexer
from pyspark.ml.recommendation import ALS
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from lakehouse.spark.lakehouse import SparkLakehouse

USER_FACTORS = "user_id string, factors array<float>"
TITLE_FACTORS = "content_id string, factors array<float>"
# ALS divides users and titles into one block per this many ratings. The number depends only on the ratings,
# because each block draws its own initial factors: a different number of cores must not change the model.
_RATINGS_PER_BLOCK = 250_000


class Parameters(NamedTuple):
    """`alpha` is the confidence of one unit of an implicit preference; None: the values are explicit."""

    rank: int
    iterations: int
    regularization: float
    alpha: float | None
    seed: int


class Factors(NamedTuple):
    """`users` has user_id and factors, `titles` content_id and factors: those of all fits, concatenated."""

    users: DataFrame
    titles: DataFrame
    ranks: tuple[int, ...]


def fit(rows: DataFrame, *, value: str, fits: Sequence[Parameters]) -> Factors:
    """Learn factors of the rows' `value` once per set of parameters. Deterministic for the same rows."""
    ranks = tuple(parameters.rank for parameters in fits)
    count = rows.count()
    if not count:
        spark = rows.sparkSession
        nobody, nothing = spark.createDataFrame([], USER_FACTORS), spark.createDataFrame([], TITLE_FACTORS)
        return Factors(nobody, nothing, ranks)
    # Dense ids, in name order.
    indexer = StringIndexer(
        inputCols=["user_id", "content_id"],
        outputCols=["user_index", "title_index"],
        stringOrderType="alphabetAsc",
    )
    # Sums of floats depend on their order. One sorted partition is the only input whose order shuffles keep.
    ordered = rows.repartition(1).sortWithinPartitions("user_id", "content_id").persist()
    try:
        names = indexer.fit(ordered)
        indexed = names.transform(ordered)
        blocks = 1 + count // _RATINGS_PER_BLOCK
        # Run in sequence, small fits would leave most cores idle: each waits for its own short steps.
        with ThreadPoolExecutor(max_workers=len(fits)) as threads:
            models = list(threads.map(lambda chosen: _als(chosen, value, blocks).fit(indexed), fits))
        users, titles = names.labelsArray
        return Factors(
            _named([model.userFactors for model in models], users, "user_id"),
            _named([model.itemFactors for model in models], titles, "content_id"),
            ranks,
        )
    finally:
        ordered.unpersist()


def _als(parameters: Parameters, value: str, blocks: int) -> ALS:
    return ALS(
        rank=parameters.rank,
        maxIter=parameters.iterations,
        regParam=parameters.regularization,
        implicitPrefs=parameters.alpha is not None,
        alpha=1.0 if parameters.alpha is None else parameters.alpha,
        seed=parameters.seed,
        numUserBlocks=blocks,
        numItemBlocks=blocks,
        userCol="user_index",
        itemCol="title_index",
        ratingCol=value,
        # at 10 the lineage overflows the stack of a JVM that has only its fast compiler, which crashes the JVM
        checkpointInterval=5,
    )


def _named(fits: Sequence[DataFrame], names: Sequence[str], column: str) -> DataFrame:
    """The factors of all fits (id, features) in one array, with ids replaced by their names."""
    table = pa.table({"id": pa.array(range(len(names)), pa.int32()), column: pa.array(names, pa.string())})
    named = fits[0].sparkSession.createDataFrame(table)
    for place, factors in enumerate(fits):
        named = named.join(factors.withColumnRenamed("features", f"fit_{place}"), on="id", how="inner")
    return named.select(column, F.concat(*[f"fit_{place}" for place in range(len(fits))]).alias("factors"))


@contextmanager
def checkpoint_folder(lake: SparkLakehouse) -> Iterator[None]:
    """Where ALS truncates its lineage, removed at the end: without it, 20 iterations overflow the stack."""
    context = lake.spark.sparkContext
    context.setCheckpointDir(lake.checkpoint_path("als"))
    folder = context._jvm.org.apache.hadoop.fs.Path(context.getCheckpointDir())  # type: ignore[union-attr]
    try:
        yield
    finally:
        folder.getFileSystem(context._jsc.hadoopConfiguration()).delete(folder, True)
