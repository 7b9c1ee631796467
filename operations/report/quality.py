"""How good the published model and the data are: the model's metrics next to its baselines, the last checks."""

from collections import defaultdict
from datetime import UTC

from pyspark.sql import DataFrame, Window
from pyspark.sql import functions as F

from lakehouse.configuration.gold import QUALITY_METRICS
from lakehouse.tables import GOLD_METRICS, GOLD_RECOMMENDATIONS, QUALITY_RESULTS
from operations.report.contents import Check, Checks, DataQuality, Metric, Quality
from operations.report.snapshot import Snapshot

# In gold.model_metrics: the published model's own metrics, and those of predicting the mean.
_PUBLISHED, _MEAN = "blend", "mean"
# The metrics that the published model has if it could be measured.
EXPECTED = (*QUALITY_METRICS, "coverage", "novelty")


def read_quality(snapshot: Snapshot) -> Quality | None:
    """The metrics of the model that the published lists come from."""
    lists, metrics = snapshot.rows(GOLD_RECOMMENDATIONS), snapshot.rows(GOLD_METRICS)
    if lists is None or metrics is None:
        return None
    published = lists.select("model_version").limit(1).collect()
    if not published:
        return None
    version = str(published[0]["model_version"])
    rows = metrics.where((F.col("model_version") == version) & ~F.isnan("value")).collect()
    values: dict[str, dict[str, float]] = defaultdict(dict)
    for row in rows:
        values[row["metric"]][row["model"]] = row["value"]
    return _quality(version, values)


def _quality(version: str, values: dict[str, dict[str, float]]) -> Quality:
    """The published model first, then those with the most metrics; predicting the mean last."""
    counts: dict[str, int] = defaultdict(int, {_PUBLISHED: 0})
    for by_model in values.values():
        for model in by_model:
            counts[model] += 1
    models = sorted(counts, key=lambda model: (model != _PUBLISHED, model == _MEAN, -counts[model], model))
    unmeasured = [name for name in EXPECTED if _PUBLISHED not in values.get(name, {})]
    measured = [Metric(name, values[name]) for name in sorted(values)]
    return Quality(version, tuple(models), tuple(measured), tuple(unmeasured))


def read_checks(snapshot: Snapshot, *, failures: int) -> DataQuality | None:
    """None where nothing was ever checked."""
    results = snapshot.rows(QUALITY_RESULTS)
    return None if results is None else describe_checks(results, failures=failures)


def describe_checks(results: DataFrame, *, failures: int) -> DataQuality | None:
    """The last check of each table, and the first `failures` of their failed expectations."""
    last = last_checks(results)
    passed, failed = F.count_if("success"), F.count_if(~F.col("success"))
    tables = last.groupBy("table_name", "version").agg(passed, failed, F.max("checked_at"))
    # pyspark returns naive times in this machine's zone
    rows = tables.orderBy("table_name").collect()
    found = [Checks(name, version, good, bad, at.astimezone(UTC)) for name, version, good, bad, at in rows]
    broken = last.where(~F.col("success")).orderBy("table_name", "expectation", "column").limit(failures)
    shown = broken.select("table_name", "expectation", "column", "observed", "expected").collect()
    return DataQuality(tuple(found), tuple(Check(*row) for row in shown)) if found else None


def last_checks(results: DataFrame) -> DataFrame:
    """The rows of quality.results that belong to the newest run on each table."""
    newest = Window.partitionBy("table_name").orderBy(F.desc("checked_at"), F.desc("run_id"))
    latest = results.withColumn("last_run", F.first("run_id").over(newest))
    return latest.where(F.col("run_id") == F.col("last_run")).drop("last_run")
