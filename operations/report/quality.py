"""How good the published model and the data are: the model's metrics next to its baselines, the last checks."""

import math
from collections import defaultdict
from typing import Any

from lakehouse.configuration.gold import QUALITY_METRICS
from lakehouse.sql import text_literal
from lakehouse.tables import GOLD_METRICS, GOLD_RECOMMENDATIONS, QUALITY_RESULTS
from operations.report.contents import Check, Checks, DataQuality, Metric, ModelQuality
from operations.report.pinned_tables import PinnedTables

# In gold.model_metrics: the published model's own metrics, and those of predicting the mean.
_PUBLISHED, _MEAN = "blend", "mean"
# The metrics that the published model has if it could be measured.
EXPECTED = (*QUALITY_METRICS, "coverage", "novelty")


def read_quality(snapshot: PinnedTables) -> ModelQuality | None:
    """The metrics of the model that the published lists come from."""
    if not snapshot.has(GOLD_RECOMMENDATIONS, GOLD_METRICS):
        return None
    published = snapshot.query("SELECT model_version FROM lists LIMIT 1", lists=GOLD_RECOMMENDATIONS)
    if not published:
        return None
    version = str(published[0]["model_version"])
    sql = f"SELECT model, metric, value FROM metrics WHERE model_version = {text_literal(version)}"  # noqa: S608
    values: dict[str, dict[str, float]] = defaultdict(dict)
    for row in snapshot.query(sql, metrics=GOLD_METRICS):
        if math.isfinite(row["value"]):
            values[row["metric"]][row["model"]] = row["value"]
    return _quality(version, values)


def _quality(version: str, values: dict[str, dict[str, float]]) -> ModelQuality:
    """The published model first, then those with the most metrics; predicting the mean last."""
    counts: dict[str, int] = defaultdict(int, {_PUBLISHED: 0})
    for by_model in values.values():
        for model in by_model:
            counts[model] += 1
    models = sorted(counts, key=lambda model: (model != _PUBLISHED, model == _MEAN, -counts[model], model))
    unmeasured = [name for name in EXPECTED if _PUBLISHED not in values.get(name, {})]
    measured = [Metric(name, values[name]) for name in sorted(values)]
    return ModelQuality(version, tuple(models), tuple(measured), tuple(unmeasured))


def read_checks(snapshot: PinnedTables, *, failures: int) -> DataQuality | None:
    """The last check of each table, and the first `failures` of their failed expectations.

    None where nothing was ever checked.
    """
    if not snapshot.has(QUALITY_RESULTS):
        return None
    last = last_checks(snapshot)
    by_table: dict[tuple[str, int], list[dict[str, Any]]] = defaultdict(list)
    for row in last:
        by_table[row["table_name"], row["version"]].append(row)
    tables = tuple(_checks(name, version, rows) for (name, version), rows in by_table.items())
    broken = [row for row in last if not row["success"]][:failures]
    return DataQuality(tables, tuple(map(_check, broken))) if tables else None


def last_checks(snapshot: PinnedTables) -> list[dict[str, Any]]:
    """The rows of quality.results that belong to the newest run on each table."""
    return snapshot.query(
        """
        WITH placed AS (
            SELECT *, first_value(run_id) OVER (
                PARTITION BY table_name ORDER BY checked_at DESC, run_id DESC
            ) AS last_run FROM results
        )
        SELECT table_name, version, expectation, "column", success, observed, expected, checked_at
        FROM placed WHERE run_id = last_run ORDER BY table_name, expectation, "column"
        """,
        results=QUALITY_RESULTS,
    )


def _checks(table: str, version: int, rows: list[dict[str, Any]]) -> Checks:
    passed = sum(row["success"] for row in rows)
    return Checks(table, version, passed, len(rows) - passed, max(row["checked_at"] for row in rows))


def _check(row: dict[str, Any]) -> Check:
    return Check(row["table_name"], row["expectation"], row["column"], row["observed"], row["expected"])
