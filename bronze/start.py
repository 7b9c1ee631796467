"""Starting stream 1 only where it goes on correctly, and starting it anew from what its tables hold."""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from pyspark.sql import SparkSession

from bronze import resume
from bronze.resume import Topics
from lakehouse import storage
from lakehouse.checkpoints import Offsets, kafka_offsets, read_checkpoint, set_aside
from lakehouse.kafka_client import Cluster
from lakehouse.settings import Kafka, Settings
from lakehouse.tables import BRONZE_EVENTS, BRONZE_FEEDBACK, Table
from lakehouse.topics import end_offsets, topic_ids


class Source(NamedTuple):
    """One query of stream 1: the table that it fills and the topics that it reads."""

    table: Table
    topics: tuple[str, ...]

    @property
    def stream(self) -> str:
        return f"bronze/{self.table.name}"


def sources(kafka: Kafka) -> tuple[Source, Source]:
    return Source(BRONZE_EVENTS, kafka.catalogue_topics), Source(BRONZE_FEEDBACK, (kafka.feedback_topic,))


def prepare(spark: SparkSession, root: str, source: Source, topics: Topics) -> str:
    """Make the table ready, and say where its stream begins when it has no checkpoint (`startingOffsets`).

    Raises CheckpointError where going on would skip or repeat records.
    """
    table = source.table
    checkpoint = read_checkpoint(spark, root, source.stream)
    known = _properties(spark, root, table)
    resume.require_same_topics(table, known, topics)
    if checkpoint is not None:
        resume.require_continuity(spark, root, table, checkpoint)
        resume.require_topics_read(spark, checkpoint, table, source.topics)
        starts = kafka_offsets(spark, checkpoint, checkpoint.ended) if checkpoint.ended >= 0 else {}
    else:
        starts = _held(spark, root, table, known)
    resume.require_kept(table, starts, topics)
    properties = resume.topic_properties(topics.ids)
    storage.ensure(spark, root, table, properties=properties)
    if known and not properties.items() <= known.items():
        storage.set_properties(spark, root, table, properties)
    return resume.starting_offsets(starts, topics)


def describe_topics(cluster: Cluster, topics: Sequence[str], *, timeout_seconds: float) -> Topics:
    return Topics(
        topic_ids(cluster, topics, timeout_seconds=timeout_seconds),
        end_offsets(cluster, topics, timeout_seconds=timeout_seconds),
    )


def rebuild_checkpoints(
    spark: SparkSession, settings: Settings, cluster: Cluster, *, stamp: str, accept_loss: bool
) -> Iterator[str]:
    """Set the streams' checkpoints aside, so that they go on behind the last record of their tables.

    Records that Kafka no longer has stop this, unless `accept_loss`: the table then remembers which they are.
    Tells what was done, a line each.
    """
    root, kafka = settings.root, settings.kafka
    for source in sources(kafka):
        table = source.table
        topics = describe_topics(cluster, source.topics, timeout_seconds=kafka.connect_timeout_seconds)
        known = _properties(spark, root, table)
        resume.require_same_topics(table, known, topics)
        starts = _held(spark, root, table, known)
        lost = resume.losses(starts, topics, known)
        if lost and accept_loss:
            storage.set_properties(spark, root, table, lost)
            ranges = ", ".join(f"{name.removeprefix(resume.LOST)} {lost[name]}" for name in sorted(lost))
            yield f"{table.sql_name}: accepted as lost: {ranges}"
        else:
            resume.require_kept(table, starts, topics)
        aside = set_aside(spark, root, source.stream, stamp=stamp)
        where = ", ".join(
            f"{topic}-{partition} at {offset}" for (topic, partition), offset in sorted(starts.items())
        )
        yield f"{table.sql_name}: goes on from {where or 'the earliest record'}"
        if aside:
            yield f"{table.sql_name}: the old checkpoint is kept at {aside}"


def _properties(spark: SparkSession, root: str, table: Table) -> dict[str, str]:
    return storage.detail(spark, root, table).properties if storage.exists(spark, root, table) else {}


def _held(spark: SparkSession, root: str, table: Table, properties: dict[str, str]) -> Offsets:
    if not storage.exists(spark, root, table):
        return {}
    return resume.behind_losses(resume.next_offsets(spark, root, table), properties)
