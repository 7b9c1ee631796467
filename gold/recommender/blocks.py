"""The lists of a block of users, as Spark's Python workers make them: it imports only what executors are sent."""

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
from pyspark.core.broadcast import Broadcast
from pyspark.sql.types import DoubleType, IntegerType, StringType, StructField, StructType
from scipy.sparse import csr_matrix

from gold.affinity.title_index import unit_rows
from gold.recommender.scoring import SOURCES, Best, BlendWeights, Floats, TitleFeatures, Users, best_titles

# Cells per dense block of users x titles. A block needs about 60 bytes per cell: 60 MB.
BLOCK_CELLS = 1_000_000

PLACES = StructType(
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


def listing(shared: Broadcast[Scorer]) -> Any:
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
        names=PLACES.fieldNames(),
    )


def dense(lists: Any, width: int | None) -> tuple[Floats, npt.NDArray[np.bool_]]:
    """Lists of equal length as rows, zeros for missing ones, and a mask of those that were present."""
    present = ~np.asarray(pc.is_null(lists))
    flat = lists.flatten().to_numpy(zero_copy_only=False)
    width = len(flat) // max(1, int(present.sum())) if width is None else width
    rows = np.zeros((len(lists), width), dtype=np.float32)
    rows[present] = flat.reshape(int(present.sum()), width)
    return rows, present
