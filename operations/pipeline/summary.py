"""What the demo produced, collected from the tables and printed in a few small tables."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import reduce
from pathlib import Path
from typing import Any

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from gold.evaluation.figures import METRICS, NOT_MEASURED
from gold.evaluation.metrics import BLEND
from lakehouse.exports import RECOMMENDATIONS_CSV, export_path
from lakehouse.spark.lakehouse import SparkLakehouse
from lakehouse.spark.progress import PROGRESS, read_line
from lakehouse.tables import CATALOGUE, GOLD_METRICS, GOLD_RECOMMENDATIONS, QUALITY_RESULTS, SILVER_QUARANTINE
from operations.output import print_table


def collect_summary(
    lake: SparkLakehouse, ops_dir: Path, *, since: datetime, seconds: Mapping[str, float]
) -> dict[str, Any]:
    """Rows per table, what the gates found, rejected rows by rule, model quality, streams, seconds, paths."""
    return {
        "tables": _tables(lake),
        "checks": _checks(lake, since),
        "rejected": _rejected(lake),
        "model": _model(lake),
        "streams": _streams(ops_dir / PROGRESS, since),
        "seconds": {name: round(value, 1) for name, value in seconds.items()},
        "paths": {
            "lakehouse": lake.root,
            "csv": export_path(lake.root, RECOMMENDATIONS_CSV),
            "stream progress": str(ops_dir / PROGRESS),
        },
    }


def show(outcome: Mapping[str, Any]) -> None:
    tables = [(name, facts["rows"], facts["version"]) for name, facts in outcome["tables"].items()]
    print_table(("table", "rows", "version"), tables)
    if outcome["checks"]:
        print_table(("checked", "outcome"), list(outcome["checks"].items()))
    else:
        print("NOT CHECKED: the gates were off")
    if outcome["rejected"]:
        print_table(("rejected by rule", "rows"), list(outcome["rejected"].items()))
    model = [
        (row["metric"], NOT_MEASURED if row["value"] is None else row["value"], row["baseline"])
        for row in outcome["model"]
    ]
    print_table(("model", "value", "baseline (popularity or mean)"), model)
    streams = [
        (
            name,
            facts["batches"],
            facts["rows"],
            facts["rows_per_second"],
            facts["slowest_phase"],
            facts["kafka_lag"],
        )
        for name, facts in outcome["streams"].items()
    ]
    if streams:
        columns = ("stream", "batches", "rows", "rows/s", "slowest phase", "Kafka lag")
        print_table(columns, streams)
    total = sum(outcome["seconds"].values())
    print_table(("step", "seconds"), [*outcome["seconds"].items(), ("all", round(total, 1))])
    for name, path in outcome["paths"].items():
        print(f"{name + ':':17}{path}")


def _tables(lake: SparkLakehouse) -> dict[str, dict[str, int]]:
    """Rows and version of every table that exists; one query counts them all."""
    tables = [table for table in CATALOGUE if lake.exists(table)]
    counts = [
        lake.read(table).select(F.lit(table.sql_name).alias("table"), F.lit(1).alias("one")) for table in tables
    ]
    counted = reduce(DataFrame.unionByName, counts).groupBy("table").count().collect()
    rows = {row["table"]: row["count"] for row in counted}
    return {
        table.sql_name: {
            "rows": rows.get(table.sql_name, 0),
            "version": lake.version(table),
        }
        for table in tables
    }


def _checks(lake: SparkLakehouse, since: datetime) -> dict[str, str]:
    """The outcome for each table checked since then: a run that continues past a gate has passed it."""
    if not lake.exists(QUALITY_RESULTS):
        return {}
    checked = lake.read(QUALITY_RESULTS).filter(F.col("checked_at") >= F.lit(since))
    passed = checked.groupBy("table_name").agg(F.min("success").alias("passed")).orderBy(F.desc("table_name"))
    return {row["table_name"]: "passed" if row["passed"] else "failed" for row in passed.collect()}


def _rejected(lake: SparkLakehouse) -> dict[str, int]:
    reasons = lake.read(SILVER_QUARANTINE).select(F.explode(F.array_distinct("reasons.rule")).alias("rule"))
    counted = reasons.groupBy("rule").count().orderBy(F.desc("count"), "rule").collect()
    return {row["rule"]: row["count"] for row in counted}


def _model(lake: SparkLakehouse) -> list[dict[str, Any]]:
    """The metrics of the model that the published recommendations come from, null if not measured."""
    published = lake.read(GOLD_RECOMMENDATIONS).select("model_version").distinct()
    metrics = lake.read(GOLD_METRICS).join(published, on="model_version", how="left_semi")
    rows = metrics.where(F.col("model") == BLEND).select("metric", "value", "baseline").collect()
    return with_unmeasured([row.asDict() for row in rows])


def with_unmeasured(rows: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """The rows by metric, plus one with nulls for each metric that has none."""
    unmeasured = {metric: {"metric": metric, "value": None, "baseline": None} for metric in METRICS}
    return [row for _, row in sorted({**unmeasured, **{row["metric"]: row for row in rows}}.items())]


def _streams(file: Path, since: datetime) -> dict[str, dict[str, Any]]:
    """The batches of this run, per stream. `kafka_lag`: records not yet read at the last batch's end."""
    batches: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for line in file.read_text(encoding="utf-8").splitlines() if file.is_file() else []:
        batch = read_line(line)
        if batch and datetime.fromisoformat(batch["logged_at"]) >= since:
            batches[batch["stream"]].append(batch)
    return {name: _stream(stream) for name, stream in sorted(batches.items())}


def _stream(batches: list[dict[str, Any]]) -> dict[str, Any]:
    rows = sum(batch["rows"] for batch in batches)
    phases: dict[str, int] = defaultdict(int)
    for batch in batches:
        for phase, milliseconds in batch["durations_ms"].items():
            phases[phase] += milliseconds
    whole = phases.pop("triggerExecution", 0)
    slowest = max(phases, key=lambda phase: phases[phase], default="")
    return {
        "batches": len(batches),
        "rows": rows,
        "rows_per_second": round(rows / (whole / 1000)) if whole else None,
        "slowest_phase": f"{slowest} {phases[slowest] / 1000:.1f} s" if slowest else "",
        "kafka_lag": batches[-1]["kafka_lag"],
    }
