"""Latent factors of users and titles, learnt from ratings by alternating least squares (Spark's ALS).

Hu, Koren & Volinsky, "Collaborative filtering for implicit feedback datasets", 2008, in its explicit form.
"""

import hashlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import reduce
from operator import add
from typing import NamedTuple

import pyarrow as pa
from pyspark.ml.feature import StringIndexer
from pyspark.ml.recommendation import ALS
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from gold.models import Model, save_model
from lakehouse.storage import checkpoint_path

# Shares of a split are cut at one part in this many.
_PARTS = 1_000_000
_USER_FACTORS = "user_id string, factors array<float>"
_TITLE_FACTORS = "content_id string, factors array<float>"
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
    """A trained model: it predicts `mean` plus the product of a user's and a title's factors.

    `users` has user_id and factors, `titles` content_id and factors: arrays of `rank` numbers.
    """

    users: DataFrame
    titles: DataFrame
    mean: float
    rank: int


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
        spark = ratings.sparkSession
        nobody, nothing = spark.createDataFrame([], _USER_FACTORS), spark.createDataFrame([], _TITLE_FACTORS)
        return Factors(nobody, nothing, mean=0.0, rank=parameters.rank)
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
    names = indexer.fit(ordered)
    model = als.fit(names.transform(ordered))
    users, titles = names.labelsArray
    return Factors(
        _named(model.userFactors, users, "user_id"),
        _named(model.itemFactors, titles, "content_id"),
        mean=mean,
        rank=parameters.rank,
    )


def predict(factors: Factors, rows: DataFrame) -> DataFrame:
    """The rows with a `prediction`, which is NaN for a user or title that training has not seen."""
    users = factors.users.withColumnRenamed("factors", "user_factors")
    titles = factors.titles.withColumnRenamed("factors", "title_factors")
    known = rows.join(users, on="user_id", how="left").join(titles, on="content_id", how="left")
    # written out, because Spark compiles sums of products and not functions over arrays
    products = [
        F.get("user_factors", F.lit(place)).cast("double") * F.get("title_factors", F.lit(place))
        for place in range(factors.rank)
    ]
    prediction = F.coalesce(reduce(add, products) + F.lit(factors.mean), F.lit(float("nan")))
    return known.select(*rows.columns, prediction.alias("prediction"))


def save_factors(spark: SparkSession, root: str, version: str, factors: Factors) -> None:
    frames = {"user_factors": factors.users, "item_factors": factors.titles}
    save_model(spark, root, version, frames, {"mean": factors.mean, "rank": factors.rank})


def factors_of(model: Model) -> Factors:
    """The factors as `save_factors` has saved them."""
    users, titles, numbers = model.frames["user_factors"], model.frames["item_factors"], model.numbers
    return Factors(users, titles, mean=float(numbers["mean"]), rank=int(numbers["rank"]))  # type: ignore[arg-type]


def _named(factors: DataFrame, names: Sequence[str], column: str) -> DataFrame:
    """ALS' factors (id, features) under the names that the ids stand for."""
    table = pa.table({"id": pa.array(range(len(names)), pa.int32()), column: pa.array(names, pa.string())})
    named = factors.sparkSession.createDataFrame(table)
    return factors.join(named, on="id", how="inner").select(column, F.col("features").alias("factors"))


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
