"""Which offsets of a Kafka partition hold a record: transactions and compaction leave some empty."""

from collections.abc import Sequence

from kafka import KafkaConsumer, TopicPartition
from kafka.errors import KafkaError

from lakehouse.errors import BrokerError, first_line
from lakehouse.kafka.client import Cluster
from lakehouse.kafka.connection import advertised_error

# Ranges closer than this are read in one go: seeking costs more than reading what lies between.
_NEAR = 1_000
_POLL_MS = 500


def existing_offsets(
    cluster: Cluster, part: tuple[str, int], ranges: Sequence[tuple[int, int]], *, timeout_seconds: float
) -> list[int]:
    """The offsets in these ranges (first, last) that hold a committed record, ascending.

    Raises BrokerError if Kafka does not return what is there in time.
    """
    if not ranges:
        return []
    options = cluster.client_options()
    try:
        consumer = KafkaConsumer(
            **options,
            isolation_level="read_committed",
            enable_auto_commit=False,
            auto_offset_reset="none",
            consumer_timeout_ms=_POLL_MS,
        )
    except (KafkaError, OSError) as error:
        raise cluster.connect_error(error, timeout_seconds) from error
    try:
        return _existing(consumer, TopicPartition(*part), sorted(ranges), timeout_seconds)
    except KafkaError as error:
        failure = BrokerError(f"Kafka returns no records of {part[0]}-{part[1]}: {first_line(error)}")
        raise advertised_error(cluster.bootstrap, consumer, error) or failure from error
    finally:
        consumer.close()


def _existing(
    consumer: KafkaConsumer, part: TopicPartition, ranges: list[tuple[int, int]], timeout_seconds: float
) -> list[int]:
    consumer.assign([part])
    offsets: list[int] = []
    for sweep in _sweeps(ranges):
        last = sweep[-1][1]
        consumer.seek(part, sweep[0][0])
        idle = 0.0
        while consumer.position(part) <= last:
            before = consumer.position(part)
            for record in consumer.poll(timeout_ms=_POLL_MS).get(part, []):
                if any(first <= record.offset <= end for first, end in sweep):
                    offsets.append(record.offset)
            idle = 0.0 if consumer.position(part) > before else idle + _POLL_MS / 1000
            if idle > timeout_seconds:
                raise BrokerError(f"Kafka stops at offset {before} of {part.topic}-{part.partition}")
    return offsets


def _sweeps(ranges: list[tuple[int, int]]) -> list[list[tuple[int, int]]]:
    """Merge neighbouring ranges."""
    sweeps: list[list[tuple[int, int]]] = []
    for one in ranges:
        if sweeps and one[0] - sweeps[-1][-1][1] <= _NEAR:
            sweeps[-1].append(one)
        else:
            sweeps.append([one])
    return sweeps
