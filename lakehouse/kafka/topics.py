"""Topics of a Kafka cluster: creating the missing ones, their offsets, and their ids."""

from collections.abc import Iterable
from typing import Any

from kafka import TopicPartition
from kafka.admin import KafkaAdminClient, OffsetSpec
from kafka.errors import KafkaError, TopicAlreadyExistsError, UnknownTopicOrPartitionError, for_code

from lakehouse.errors import BrokerError, NoBrokerError
from lakehouse.kafka.admin import kafka_admin, reason
from lakehouse.kafka.client import Cluster

OffsetRanges = dict[tuple[str, int], tuple[int, int]]


def ensure_topics(
    cluster: Cluster,
    topics: Iterable[str],
    *,
    partitions: int,
    replication_factor: int,
    timeout_seconds: float,
    retention_ms: int = -1,
) -> None:
    """Create the missing topics, leave the others as they are, and wait until every partition has a leader.

    Raises BrokerError naming the topics that could not be created.
    """
    wanted = list(dict.fromkeys(topics))
    with kafka_admin(cluster, timeout_seconds=timeout_seconds) as client:
        existing = {topic["name"] for topic in _described(client, wanted)}
        shape = {
            "num_partitions": partitions,
            "replication_factor": replication_factor,
            "configs": {"retention.ms": str(retention_ms)},
        }
        missing = {name: shape for name in wanted if name not in existing}
        if missing:
            _create(client, missing, cluster, timeout_seconds)
        try:
            client.wait_for_topics(wanted, timeout_ms=round(timeout_seconds * 1000))
        except KafkaError as error:
            raise NoBrokerError(
                f"topics at {cluster.bootstrap} have no leader after {timeout_seconds:g} s: {reason(error)}",
                todo="check the broker's log",
            ) from error


def end_offsets(cluster: Cluster, topics: Iterable[str], *, timeout_seconds: float) -> OffsetRanges:
    """The earliest and the next offset by (topic, partition); missing topics have no entry."""
    with kafka_admin(cluster, timeout_seconds=timeout_seconds) as client:
        parts = [
            TopicPartition(topic["name"], partition["partition_index"])
            for topic in _described(client, list(dict.fromkeys(topics)))
            for partition in topic["partitions"]
        ]
        if not parts:
            return {}
        earliest = client.list_partition_offsets(dict.fromkeys(parts, OffsetSpec.EARLIEST))
        latest = client.list_partition_offsets(dict.fromkeys(parts, OffsetSpec.LATEST))
        return {(part.topic, part.partition): (earliest[part].offset, latest[part].offset) for part in parts}


def topic_ids(cluster: Cluster, topics: Iterable[str], *, timeout_seconds: float) -> dict[str, str]:
    """Kafka's own id of each existing topic: a topic that is deleted and recreated gets another one."""
    with kafka_admin(cluster, timeout_seconds=timeout_seconds) as client:
        described = _described(client, list(dict.fromkeys(topics)))
        return {topic["name"]: str(topic["topic_id"]) for topic in described}


def _described(client: KafkaAdminClient, topics: list[str]) -> list[dict[str, Any]]:
    """The cluster's description of those topics that exist. Kafka's errors pass through."""
    if not topics:
        return []
    metadata = []
    for topic in client.describe_topics(topics):
        error = for_code(topic["error_code"])
        if error is UnknownTopicOrPartitionError:
            continue
        if topic["error_code"] != 0:
            raise error(f"topic {topic['name']}")
        metadata.append(topic)
    return metadata


def _create(
    client: KafkaAdminClient, missing: dict[str, dict[str, Any]], cluster: Cluster, timeout_seconds: float
) -> None:
    answer = client.create_topics(missing, timeout_ms=round(timeout_seconds * 1000), raise_errors=False)
    faults = [
        f"{topic['name']} ({topic.get('error_message') or for_code(topic['error_code']).__name__})"
        for topic in answer["topics"]
        # another process may have created it in the meantime, which is just as good
        if topic["error_code"] not in (0, TopicAlreadyExistsError.errno)
    ]
    if faults:
        raise BrokerError(
            f"the Kafka cluster at {cluster.bootstrap} did not create {', '.join(faults)}",
            todo="create the topics there, or correct kafka.partitions and kafka.replication_factor",
        )
