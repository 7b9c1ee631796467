"""Latent factors of users and titles, learnt from ratings by alternating least squares (Spark's ALS).

Hu, Koren & Volinsky, "Collaborative filtering for implicit feedback datasets", 2008, in its explicit form.
"""

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple

from pyspark.ml import PipelineModel
from pyspark.ml.feature import StringIndexer
from pyspark.ml.pipeline import Pipeline
from pyspark.ml.recommendation import ALS
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from lakehouse.storage import checkpoint_path

# Shares of a split are cut at one part in this many.
_PARTS = 1_000_000
# ALS divides users and titles into one block per this many ratings, and at least two. The number follows from
# the ratings alone, because each block draws its own first factors: other cores must not give another model.
_RATINGS_PER_BLOCK = 250_000


class Parameters(NamedTuple):
    rank: int
    iterations: int
    regularization: float
    seed: int


class Split(NamedTuple):
    """Every rating is in exactly one of the two."""

    training: DataFrame
    holdout: DataFrame


class Factors(NamedTuple):
    """A trained model. It predicts `mean` plus what `pipeline` says; that is None where no rating was there."""

    pipeline: PipelineModel | None
    mean: float


def split_holdout(ratings: DataFrame, *, share: float, seed: int) -> Split:
    """Hold out this share of the ratings, chosen by user_id, content_id and seed, whatever their order."""
    part = F.pmod(F.xxhash64("user_id", "content_id", F.lit(seed)), F.lit(_PARTS))
    held_out = part < round(share * _PARTS)
    return Split(training=ratings.where(~held_out), holdout=ratings.where(held_out))


def model_version(ratings: DataFrame, *, parameters: Parameters) -> str:
    """An id that is the same where the ratings and parameters are, and so the model.

    It stands on the rows, not on table versions: writing the same rows again makes a new version of a table
    but no new model.
    """
    # A sum does not depend on order; as a decimal it cannot overflow.
    digest = F.sum(F.xxhash64("user_id", "content_id", "rating").cast("decimal(38,0)"))
    row = ratings.agg(F.count("*").alias("rows"), digest.alias("digest")).collect()[0]
    text = f"{row['rows']} {row['digest']} {parameters!r}"
    return "als-" + hashlib.sha256(text.encode()).hexdigest()[:12]


def fit(ratings: DataFrame, *, parameters: Parameters) -> Factors:
    """Learn the factors of the ratings' deviations from their mean. The same rows give the same factors."""
    exact = F.col("rating").cast("decimal(12,6)")  # a sum of doubles would depend on the order of its tasks
    totals = ratings.agg(F.count("*").alias("rows"), F.avg(exact).cast("double").alias("mean")).collect()[0]
    mean, blocks = totals["mean"], max(2, totals["rows"] // _RATINGS_PER_BLOCK)
    if mean is None:
        return Factors(pipeline=None, mean=0.0)
    # Dense ids in the order of the names; a name that training has not seen gets the id after the last.
    indexer = StringIndexer(
        inputCols=["user_id", "content_id"],
        outputCols=["user_index", "title_index"],
        stringOrderType="alphabetAsc",
        handleInvalid="keep",
    )
    als = ALS(
        rank=parameters.rank,
        maxIter=parameters.iterations,
        regParam=parameters.regularization,
        seed=parameters.seed,
        numUserBlocks=blocks,
        numItemBlocks=blocks,
        userCol="user_index",
        itemCol="title_index",
        ratingCol="deviation",
        coldStartStrategy="nan",
        checkpointInterval=5,
    )
    # Sums of floats depend on their order. One sorted partition is the only input whose order shuffles keep.
    rows = ratings.withColumn("deviation", F.col("rating") - F.lit(mean))
    ordered = rows.repartition(1).sortWithinPartitions("user_id", "content_id")
    return Factors(pipeline=Pipeline(stages=[indexer, als]).fit(ordered), mean=mean)


def predict(factors: Factors, rows: DataFrame) -> DataFrame:
    """The rows with a `prediction`, which is NaN for a user or title that training has not seen."""
    if factors.pipeline is None:
        return rows.withColumn("prediction", F.lit(float("nan")))
    scored = factors.pipeline.transform(rows)
    prediction = F.col("prediction").cast("double") + F.lit(factors.mean)
    return scored.select(*rows.columns, prediction.alias("prediction"))


@contextmanager
def checkpoint_folder(spark: SparkSession, root: str) -> Iterator[None]:
    """Where ALS cuts its lineage, removed at the end: without one, 20 iterations overflow the stack."""
    context = spark.sparkContext
    context.setCheckpointDir(checkpoint_path(root, "als"))
    folder = context._jvm.org.apache.hadoop.fs.Path(context.getCheckpointDir())  # type: ignore[union-attr]
    try:
        yield
    finally:
        folder.getFileSystem(context._jsc.hadoopConfiguration()).delete(folder, True)
