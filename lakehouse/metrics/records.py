"""The last check of each table and the last runs of each job, as quality.results and ops.runs have them."""

from collections.abc import Iterator

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric

from lakehouse.lakehouse import Lakehouse
from lakehouse.metrics.latest import latest_rows
from lakehouse.tables import OPS_RUNS, QUALITY_RESULTS

_CHECKS = """
    SELECT table_name, max(checked_at) AS checked_at, min(CAST(success AS INT)) AS passed FROM (
        SELECT *, max(checked_at) OVER (PARTITION BY table_name) AS latest FROM rows
    ) WHERE checked_at = latest GROUP BY table_name
"""
_RUNS = """
    SELECT job, result, count(*) AS runs, max(started_at) AS started_at,
        last_value(seconds ORDER BY started_at) AS seconds
    FROM rows GROUP BY job, result
"""


class CheckMetrics:
    """Whether each table passed its last check, at a gate or by `lakehouse check`."""

    def __init__(self, lake: Lakehouse) -> None:
        self._results = latest_rows(lake, QUALITY_RESULTS, _CHECKS)

    def read(self) -> Iterator[Metric]:
        passed = GaugeMetricFamily(
            "lakehouse_check_passed", "Whether all expectations held in the last check", labels=["table"]
        )
        at = GaugeMetricFamily(
            "lakehouse_check_timestamp_seconds", "When the last check of the table began", labels=["table"]
        )
        for row in self._results.read() or []:
            passed.add_metric([row["table_name"]], row["passed"])
            at.add_metric([row["table_name"]], row["checked_at"].timestamp())
        yield from (passed, at)


class RunMetrics:
    """How often each job and each command that writes has run, with which result, and its last success."""

    def __init__(self, lake: Lakehouse) -> None:
        self._runs = latest_rows(lake, OPS_RUNS, _RUNS)

    def read(self) -> Iterator[Metric]:
        runs = CounterMetricFamily("lakehouse_runs", "Runs by result", labels=["run", "result"])
        at = GaugeMetricFamily(
            "lakehouse_run_last_success_timestamp_seconds",
            "When the last run that succeeded began",
            labels=["run"],
        )
        seconds = GaugeMetricFamily(
            "lakehouse_run_last_success_duration_seconds",
            "How long the last run that succeeded took",
            labels=["run"],
        )
        for row in self._runs.read() or []:
            runs.add_metric([row["job"], row["result"]], row["runs"])
            if row["result"] == "succeeded":
                at.add_metric([row["job"]], row["started_at"].timestamp())
                seconds.add_metric([row["job"]], row["seconds"])
        yield from (runs, at, seconds)
