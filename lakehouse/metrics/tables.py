"""What the tables hold, what silver did with its records, and the free disk space."""

import shutil
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric

from lakehouse.history.backlog import silver_backlog
from lakehouse.history.snapshots import Snapshot, read_snapshot
from lakehouse.lakehouse import Lakehouse
from lakehouse.metrics.latest import Latest, latest_rows
from lakehouse.paths import is_address
from lakehouse.tables import CATALOGUE, SILVER_BATCHES, SILVER_QUARANTINE

_OUTCOMES = ("applied", "superseded", "deleted", "quarantined")
_SUMS = f"SELECT {', '.join(f'sum({name}) AS {name}' for name in _OUTCOMES)} FROM rows"  # noqa: S608
_BY_RULE = """
    SELECT rule, count(*) AS rows FROM (
        SELECT DISTINCT topic, partition, "offset", unnest(reasons)['rule'] AS rule FROM rows WHERE status = 'open'
    ) GROUP BY rule
"""


class TableMetrics:
    """The current version of each table, its rows, files and bytes."""

    def __init__(self, lake: Lakehouse) -> None:
        self._snapshots = {table.sql_name: Latest(lake, table, read_snapshot) for table in CATALOGUE}

    def read(self) -> Iterator[Metric]:
        found = {name: latest.read() for name, latest in self._snapshots.items()}
        for field, name, text in (
            ("version", "lakehouse_table_version", "Number of the table's last commit"),
            ("rows", "lakehouse_table_rows", "Rows of the current version"),
            ("files", "lakehouse_table_files", "Data files of the current version"),
            ("size", "lakehouse_table_size_bytes", "Bytes of the data files of the current version"),
        ):
            yield _by_table(name, text, field, found)


def _by_table(name: str, text: str, field: str, found: dict[str, Snapshot | None]) -> Metric:
    metric = GaugeMetricFamily(name, text, labels=["table"])
    for table, snapshot in found.items():
        value = None if snapshot is None else getattr(snapshot, field)
        if value is not None:
            metric.add_metric([table], value)
    return metric


class SilverMetrics:
    """How far silver is behind bronze, and what became of its records."""

    def __init__(self, lake: Lakehouse) -> None:
        self._lake = lake
        self._outcomes = latest_rows(lake, SILVER_BATCHES, _SUMS)
        self._by_rule = latest_rows(lake, SILVER_QUARANTINE, _BY_RULE)

    def read(self) -> Iterator[Metric]:
        yield from self._lag()
        records = CounterMetricFamily(
            "lakehouse_silver_records", "Records that silver has read, by outcome", labels=["outcome"]
        )
        [sums] = self._outcomes.read() or [dict.fromkeys(_OUTCOMES, 0)]
        for outcome in _OUTCOMES:
            records.add_metric([outcome], sums[outcome] or 0)
        yield records
        rules = GaugeMetricFamily(
            "lakehouse_quarantine_open_rows",
            "Rejected records that no replay has resolved; one that breaks several rules counts in each",
            labels=["rule"],
        )
        for row in self._by_rule.read() or []:
            rules.add_metric([row["rule"]], row["rows"])
        yield rules

    def _lag(self) -> Iterator[Metric]:
        backlog = silver_backlog(self._lake, now=datetime.now(UTC))
        for field, text in (
            ("versions", "Versions of bronze that silver has not read"),
            ("rows", "Rows of bronze that silver has not read"),
            ("seconds", "Age of the oldest row of bronze that silver has not read"),
        ):
            value = getattr(backlog, field)
            if value is not None:
                yield GaugeMetricFamily(f"lakehouse_silver_lag_{field}", text, value=value)


def disk(root: str) -> Iterator[Metric]:
    """Size and free space of the root's disk; nothing for a store."""
    if not is_address(root) and Path(root).exists():
        usage = shutil.disk_usage(root)
        yield GaugeMetricFamily(
            "lakehouse_disk_free_bytes", "Free bytes on the disk of the root", value=usage.free
        )
        yield GaugeMetricFamily("lakehouse_disk_size_bytes", "Bytes of the disk of the root", value=usage.total)
