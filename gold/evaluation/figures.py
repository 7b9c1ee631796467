"""The metrics that a model can have, and their values as people and programs see them. No Spark."""

import math
from collections.abc import Mapping

# Lists are measured up to this rank.
CUTOFF = 10
NOT_MEASURED = "not measured"
# The order of display, for those that were measured.
METRICS = (
    f"ndcg_at_{CUTOFF}",
    f"map_at_{CUTOFF}",
    f"precision_at_{CUTOFF}",
    f"recall_at_{CUTOFF}",
    f"hit_rate_at_{CUTOFF}",
    "coverage",
    "novelty",
    "rmse",
    "mae",
    "test_users",
    "test_ratings",
    "unscored_ratings",
)


def finite(value: float | None) -> float | None:
    """The value of a metric; None if it is not finite, such as NaN."""
    return value if value is not None and math.isfinite(value) else None


def with_nulls(metrics: Mapping[str, float]) -> dict[str, float | None]:
    """All metrics that a model can have, in the order of `METRICS`; None if not measured."""
    return {metric: finite(metrics.get(metric)) for metric in METRICS}
