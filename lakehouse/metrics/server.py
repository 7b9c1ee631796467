"""Prometheus metrics over HTTP, from a port of the settings, while streams run."""

import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from prometheus_client import CollectorRegistry, start_http_server
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from lakehouse.errors import InputError
from lakehouse.lakehouse import Lakehouse
from lakehouse.metrics.kafka import kafka_lag
from lakehouse.metrics.records import CheckMetrics, RunMetrics
from lakehouse.metrics.streams import StreamMetrics
from lakehouse.metrics.tables import SilverMetrics, TableMetrics, disk
from lakehouse.settings import KafkaSettings, Settings

Part = Callable[[], Iterable[Metric]]


class LakehouseCollector(Collector):
    """Everything that a scrape returns, read when it is asked for. A part that cannot be read is left out."""

    def __init__(self, parts: Mapping[str, Part]) -> None:
        self._parts = parts
        self._one_at_a_time = threading.Lock()

    def collect(self) -> Iterator[Metric]:
        success = GaugeMetricFamily(
            "lakehouse_scrape_success", "Whether this part of the metrics could be read", labels=["part"]
        )
        with self._one_at_a_time:
            for name, part in self._parts.items():
                found = _read(part)
                success.add_metric([name], float(found is not None))
                yield from found or ()
        yield success


def _read(part: Part) -> list[Metric] | None:
    """The part's metrics; None if Kafka does not answer, or a table cannot be read."""
    try:
        return list(part())
    except Exception:  # noqa: BLE001 - the other metrics are wanted most when something is broken
        return None


def collector(root: str, ops_dir: Path, kafka: KafkaSettings) -> LakehouseCollector:
    """The metrics of the lakehouse at this root."""
    lake = Lakehouse(root)
    return LakehouseCollector(
        {
            "streams": StreamMetrics(ops_dir).read,
            "kafka": lambda: kafka_lag(lake, kafka),
            "silver": SilverMetrics(lake).read,
            "tables": TableMetrics(lake).read,
            "checks": CheckMetrics(lake).read,
            "runs": RunMetrics(lake).read,
            "disk": lambda: disk(root),
        }
    )


@contextmanager
def metrics_served(settings: Settings, *, when: bool = True) -> Iterator[None]:
    """Serve the metrics within the block, if the settings name a port. Raises InputError if it is taken."""
    metrics = settings.metrics
    if not (when and metrics.port):
        yield
        return
    registry = CollectorRegistry()
    registry.register(collector(settings.root, settings.ops_dir, settings.kafka))
    try:
        server, thread = start_http_server(metrics.port, addr=metrics.address, registry=registry)
    except OSError as error:
        raise InputError(
            f"metrics cannot be served at {metrics.address}:{metrics.port}: {error.strerror or error}",
            todo="give each process its own port: LAKEHOUSE_METRICS__PORT",
        ) from error
    try:
        yield
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
