"""Each user's list: what to recommend, in which order, and the source of each place."""

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from pyspark.core.broadcast import Broadcast
from pyspark.sql import DataFrame
from pyspark.sql import functions as F
from pyspark.sql.types import DoubleType, IntegerType, StringType, StructField, StructType
from scipy.sparse import csr_matrix

from gold.affinity.title_index import unit_rows
from gold.recommender.blend import Blend, BlendWeights
from gold.recommender.preferences import Evidence, weigh_preferences
from gold.recommender.scoring import SOURCES, Best, Users, best_titles
from gold.recommender.titles import TitleFeatures, dense
from lakehouse.tables import GOLD_RECOMMENDATIONS

# Cells per dense block of users x titles. A block needs about 60 bytes per cell: 60 MB.
BLOCK_CELLS = 1_000_000

_PLACES = StructType(
    [
        StructField("user_id", StringType()),
        StructField("content_id", StringType()),
        StructField("rank", IntegerType()),
        StructField("predicted_rating", DoubleType()),
        StructField("source", StringType()),
    ]
)


class Scorer(NamedTuple):
    """What one task needs to make the lists of its users."""

    titles: TitleFeatures
    weights: BlendWeights
    ranks: tuple[int, ...]
    mean: float | None
    titles_per_user: int


def describe_users(
    features: DataFrame, feedback: DataFrame, affinity: DataFrame, *, evidence: Evidence
) -> DataFrame:
    """One row per user of `features`, with `history`: one entry per title that something is known about.

    An entry has `seen` if the user gave feedback on the title, `confidence` if they took to it, and `affinity` if
    it fits their tastes.
    """
    preferences = weigh_preferences(feedback, evidence=evidence).where(F.col("confidence") > 0)
    seen = feedback.select("user_id", "content_id").distinct().withColumn("seen", F.lit(1.0))
    known = seen.join(preferences, on=["user_id", "content_id"], how="left")
    fitting = affinity.select("user_id", "content_id", F.col("rating").alias("affinity"))
    entries = known.unionByName(fitting, allowMissingColumns=True)
    history = F.collect_list(F.struct("content_id", "seen", "confidence", "affinity")).alias("history")
    return features.join(entries.groupBy("user_id").agg(history), on="user_id", how="left")


def without_factors(affinity: DataFrame, blend: Blend) -> DataFrame:
    """The affinity rows of users without factors in the model: the ranking of all others does not use them."""
    ordered = blend.users.where(F.col("factors").isNotNull()).select("user_id")
    return affinity.join(ordered, on="user_id", how="left_anti")


def make_lists(
    described: DataFrame,
    blend: Blend,
    titles: TitleFeatures,
    *,
    titles_per_user: int,
    partitions: int,
    model_version: str,
) -> DataFrame:
    """One row per user and recommended title, ranked 1..n without gaps; n is lower only if titles run out.

    Titles that a user has given feedback on are not recommended. `predicted_rating` never rises with rank.
    `partitions` is the number of scoring tasks; it does not affect the rows.
    """
    scorer = Scorer(titles, blend.weights, blend.ranks, blend.mean, titles_per_user)
    shared = described.sparkSession.sparkContext.broadcast(scorer)
    known = described.join(blend.users, on="user_id", how="left")
    # Without an explicit number, AQE puts all users of a small table into one task.
    blocks = known.repartitionByRange(partitions, "user_id").sortWithinPartitions("user_id")
    # A Python UDF, because Spark has neither a matrix product nor a top n per row: as joins, every user would meet
    # every title in a shuffle. Here only each user's list leaves the worker.
    ranked = blocks.mapInArrow(_listing(shared), _PLACES)
    return ranked.withColumn("model_version", F.lit(model_version)).select(*GOLD_RECOMMENDATIONS.columns)


def _listing(shared: Broadcast[Scorer]) -> Any:
    def make(batches: Iterator[Any]) -> Iterator[Any]:
        scorer = shared.value
        if not len(scorer.titles):
            return
        block_rows = max(1, BLOCK_CELLS // len(scorer.titles))
        for batch in batches:
            for start in range(0, batch.num_rows, block_rows):
                rows = batch.slice(start, block_rows)
                yield _places(rows["user_id"], scorer, _best(rows, scorer))

    return make


def _best(rows: Any, scorer: Scorer) -> Best:
    titles = scorer.titles
    factors, known = dense(rows["factors"], sum(scorer.ranks))
    value_factors, _ = dense(rows["value_factors"], titles.value_factors.shape[1])
    biases = pc.fill_null(rows["bias"], 0.0).to_numpy(zero_copy_only=False)
    lengths = pc.fill_null(pc.list_value_length(rows["history"]), 0).to_numpy(zero_copy_only=False)
    entries = rows["history"].flatten()
    users = np.repeat(np.arange(len(lengths)), lengths)
    positions = titles.positions(pc.struct_field(entries, "content_id"))

    def matrix(field: str) -> Any:
        values = pc.fill_null(pc.struct_field(entries, field).cast(pa.float64()), 0.0).to_numpy()
        kept = (values > 0) & ~np.isnan(positions)
        cells = (users[kept], positions[kept].astype(np.int64))
        return csr_matrix((values[kept], cells), shape=(len(lengths), len(titles)))

    features = unit_rows(rows["features"], titles.index.vocabulary, titles.index.feature_weights)
    block = Users(
        factors, known, value_factors, biases, matrix("seen"), matrix("confidence"), features, matrix("affinity")
    )
    return best_titles(
        block,
        titles,
        weights=scorer.weights,
        ranks=scorer.ranks,
        mean=scorer.mean,
        titles_per_user=scorer.titles_per_user,
    )


def _places(user_ids: Any, scorer: Scorer, best: Best) -> Any:
    filled = np.arange(best.titles.shape[1])[None, :] < best.count[:, None]
    rows, places = np.nonzero(filled)
    names = pa.array(SOURCES)
    return pa.RecordBatch.from_arrays(
        [
            user_ids.take(pa.array(rows)),
            scorer.titles.index.content_ids.take(pa.array(best.titles[filled])),
            pa.array((places + 1).astype(np.int32)),
            pa.array(np.round(best.values[filled], 4)),
            names.take(pa.array(best.sources[filled])),
        ],
        names=_PLACES.fieldNames(),
    )
