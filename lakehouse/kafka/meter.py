"""What waits in Kafka: the offsets of topics, and when the oldest unread record was sent. Nothing is consumed."""

import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime

from kafka import KafkaConsumer, TopicPartition
from kafka.errors import KafkaError

from lakehouse.errors import BrokerError
from lakehouse.kafka.admin import quiet_client_log, reason
from lakehouse.kafka.client import Cluster
from lakehouse.kafka.connection import advertised_error

PartitionId = tuple[str, int]
_POLL_MS = 100
# Enough for one batch of records per partition: only one record of each is examined.
_FETCH_BYTES = 128 * 1024


class KafkaMeter:
    """One connection for many readings. Its methods raise BrokerError if Kafka does not answer in time."""

    def __init__(self, consumer: KafkaConsumer, cluster: Cluster, timeout_seconds: float) -> None:
        self._consumer = consumer
        self._cluster = cluster
        self._timeout_seconds = timeout_seconds

    def offsets(self, topics: Iterable[str]) -> dict[PartitionId, tuple[int, int]]:
        """The earliest and the next offset of each partition; missing topics have no entry."""
        consumer, timeout_ms = self._consumer, round(self._timeout_seconds * 1000)
        with self._one_error():
            parts = [
                TopicPartition(topic, partition)
                for topic in topics
                for partition in sorted(consumer.partitions_for_topic(topic))
            ]
            if not parts:
                return {}
            earliest = consumer.beginning_offsets(parts, timeout_ms)
            following = consumer.end_offsets(parts, timeout_ms)
        return {(part.topic, part.partition): (earliest[part], following[part]) for part in parts}

    def first_timestamps(self, starts: Mapping[PartitionId, int]) -> dict[PartitionId, datetime]:
        """The Kafka timestamp of the first record at or after each of these offsets.

        A partition without such a record in time is absent, for example if only transaction markers are left.
        """
        consumer = self._consumer
        stamps: dict[PartitionId, int] = {}
        deadline = time.monotonic() + self._timeout_seconds
        with self._one_error():
            consumer.assign([TopicPartition(*part) for part in starts])
            for part, offset in starts.items():
                consumer.seek(TopicPartition(*part), offset)
            while len(stamps) < len(starts) and time.monotonic() < deadline:
                for part, records in consumer.poll(timeout_ms=_POLL_MS, max_records=1).items():
                    stamps.setdefault((part.topic, part.partition), records[0].timestamp)
                    consumer.pause(part)
            consumer.unsubscribe()
        return {part: datetime.fromtimestamp(stamp / 1000, UTC) for part, stamp in stamps.items()}

    @contextmanager
    def _one_error(self) -> Iterator[None]:
        try:
            with quiet_client_log():
                yield
        except (KafkaError, OSError) as error:
            bootstrap = self._cluster.bootstrap
            failure = BrokerError(f"the Kafka cluster at {bootstrap}: {reason(error)}")
            raise advertised_error(bootstrap, self._consumer, error) or failure from error


@contextmanager
def kafka_meter(cluster: Cluster, *, timeout_seconds: float) -> Iterator[KafkaMeter]:
    """A meter of that cluster. Raises BrokerError if none answers in time."""
    options = cluster.client_options()
    milliseconds = max(1, round(timeout_seconds * 1000))
    try:
        with quiet_client_log():
            consumer = KafkaConsumer(
                **options,
                bootstrap_timeout_ms=milliseconds,
                isolation_level="read_committed",
                enable_auto_commit=False,
                auto_offset_reset="earliest",
                allow_auto_create_topics=False,
                max_partition_fetch_bytes=_FETCH_BYTES,
                metrics_enabled=False,
            )
    except (KafkaError, OSError) as error:
        raise cluster.connect_error(error, timeout_seconds) from error
    try:
        yield KafkaMeter(consumer, cluster, timeout_seconds)
    finally:
        consumer.close()
