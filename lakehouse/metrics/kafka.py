"""What waits in Kafka for bronze, per partition."""

from collections.abc import Iterator
from datetime import UTC, datetime

from prometheus_client.core import GaugeMetricFamily, Metric

from lakehouse.broker.embedded import running_cluster
from lakehouse.errors import BrokerError
from lakehouse.history.backlog import partition_backlogs
from lakehouse.kafka.bronze_sources import bronze_sources
from lakehouse.kafka.meter import kafka_meter
from lakehouse.lakehouse import Lakehouse
from lakehouse.settings import KafkaSettings

# A scrape has ten seconds by default.
_SECONDS = 2.0
_LABELS = ["topic", "partition"]


def kafka_lag(lake: Lakehouse, kafka: KafkaSettings) -> Iterator[Metric]:
    """The records that bronze has not read, and for how long the oldest has waited. Raises BrokerError."""
    records = GaugeMetricFamily("lakehouse_kafka_lag_records", "Records not yet in bronze", labels=_LABELS)
    seconds = GaugeMetricFamily(
        "lakehouse_kafka_lag_seconds", "Age of the oldest record that is not yet in bronze", labels=_LABELS
    )
    cluster = running_cluster(kafka, lake.root)
    if cluster is None:
        raise BrokerError("the embedded broker is not running")
    timeout, now = min(_SECONDS, kafka.connect_timeout_seconds), datetime.now(UTC)
    with kafka_meter(cluster, timeout_seconds=timeout) as meter:
        for source in bronze_sources(kafka):
            found = partition_backlogs(lake, source.table, source.topics, meter, now=now)
            for (topic, partition), backlog in (found or {}).items():
                records.add_metric([topic, str(partition)], backlog.records)
                if backlog.seconds is not None:
                    seconds.add_metric([topic, str(partition)], backlog.seconds)
    yield from (records, seconds)
