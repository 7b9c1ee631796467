"""What a model and today's catalogue know about each title, joined on the driver and broadcast to the scorers."""

from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
from pyspark.sql import DataFrame

from gold.affinity.title_index import TitleIndex
from gold.recommender.blend import Blend
from gold.recommender.blocks import dense
from gold.recommender.scoring import Floats, TitleFeatures, split_fits

# A feature's factors shrink towards 0 as if it had this much additional weight in titles that nobody took to.
_PRIOR_FEATURE_WEIGHT = 1.0


def join_titles(index: TitleIndex, blend: Blend, popular: DataFrame) -> TitleFeatures:
    """Align the model's titles and `popular` (content_id, place, viewers) with the index."""
    ids = index.content_ids
    learnt = blend.titles.toArrow()
    factors, known = _aligned(learnt, "factors", ids, sum(blend.ranks))
    value_factors, _ = _aligned(learnt, "value_factors", ids, None)
    places = popular.select("content_id", "place", "viewers").toArrow()
    return TitleFeatures(
        index=index,
        factors=_with_new(factors, known, index.vectors),
        known=known,
        scales=tuple(_mean_outer(part[known]) for part in split_fits(factors, blend.ranks)),
        value_factors=value_factors,
        biases=_aligned_numbers(learnt, "bias", ids, 0.0),
        viewers=_aligned_numbers(places, "viewers", ids, 0.0),
        places=_aligned_numbers(places, "place", ids, float(len(ids) + 1)).astype(np.int64),
    )


def _aligned(table: pa.Table, column: str, ids: Any, width: int | None) -> tuple[Floats, npt.NDArray[np.bool_]]:
    rows, present = dense(_chunk(table, column), width)
    source = pc.index_in(ids, value_set=_chunk(table, "content_id"))
    is_present = ~np.asarray(pc.is_null(source))
    places = source.to_numpy(zero_copy_only=False)[is_present].astype(np.int64)
    aligned, known = np.zeros((len(ids), rows.shape[1]), dtype=np.float32), np.zeros(len(ids), dtype=bool)
    aligned[is_present], known[is_present] = rows[places], present[places]
    return aligned, known


def _aligned_numbers(table: pa.Table, column: str, ids: Any, missing: float) -> Floats:
    source = pc.index_in(ids, value_set=_chunk(table, "content_id"))
    values = _chunk(table, column).cast(pa.float64()).take(source)
    return np.asarray(pc.fill_null(values, missing).to_numpy(zero_copy_only=False), dtype=np.float64)


def _chunk(table: pa.Table, column: str) -> Any:
    chunk = table[column].combine_chunks()
    return chunk.combine_chunks() if isinstance(chunk, pa.ChunkedArray) else chunk


def _with_new(factors: Floats, known: npt.NDArray[np.bool_], vectors: Any) -> Floats:
    """The factors; an unknown title gets the mean of its features' factors, a feature the mean of its titles'.

    `vectors` is features x titles. So a title is placed by its features from its first day.
    """
    if known.all() or not known.any():
        return factors
    of_known, of_new = vectors[:, known], vectors[:, ~known]
    weight = np.asarray(of_known.sum(axis=1)).ravel() + _PRIOR_FEATURE_WEIGHT
    features = (of_known @ factors[known].astype(np.float64)) / weight[:, None]
    total = np.maximum(np.asarray(of_new.sum(axis=0)).ravel(), 1e-12)
    filled = factors.copy()
    filled[~known] = (of_new.T @ features) / total[:, None]
    return filled


def _mean_outer(factors: Floats) -> Floats:
    wide = factors.astype(np.float64)
    return np.asarray(wide.T @ wide / max(1, len(wide)))
