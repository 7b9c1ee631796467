"""Starting stream 1 only where it goes on correctly, and starting it anew from what its tables hold."""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from pyspark.sql import SparkSession

from bronze import resume
from bronze.resume import Topics
from lakehouse import storage
from lakehouse.checkpoints import Offsets, kafka_offsets, read_checkpoint, rebuild, require_readable, set_aside
from lakehouse.damage import Damage, table_damage
from lakehouse.folders import open_folder
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
        require_readable(spark, checkpoint)
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

    A table with a damaged file is set aside too, and its stream reads Kafka from the first record on. Records that
    Kafka no longer has stop this, unless `accept_loss`: the table then remembers which they are.
    Tells what was done, a line each. Raises DamageError where only the damaged table still has records.
    """
    root, kafka = settings.root, settings.kafka
    for source in sources(kafka):
        table = source.table
        topics = describe_topics(cluster, source.topics, timeout_seconds=kafka.connect_timeout_seconds)
        damage = table_damage(open_folder(root), table)
        if damage is not None:
            _require_in_kafka(damage, topics, accept_loss=accept_loss)
            kept = storage.set_aside(spark, root, table, stamp=stamp)
            yield f"{table.sql_name}: {damage.path} is {damage.fault}; all records are read from Kafka again"
            yield f"{table.sql_name}: the damaged table is kept at {kept}"
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


def _require_in_kafka(damage: Damage, topics: Topics, *, accept_loss: bool) -> None:
    """Raises DamageError where Kafka has dropped records that a damaged table may be the last to have."""
    dropped = [
        f"{topic}-{partition} 0-{earliest - 1}"
        for (topic, partition), (earliest, _) in sorted(topics.offsets.items())
        if earliest > 0
    ]
    if dropped and not accept_loss:
        raise damage._replace(
            fault=f"{damage.fault}, and Kafka no longer has all records of its table ({', '.join(dropped)})",
            todo=f"put that file back from a copy, or give these records up: {rebuild('bronze')} --accept-loss",
        ).error()


def _properties(spark: SparkSession, root: str, table: Table) -> dict[str, str]:
    return storage.detail(spark, root, table).properties if storage.exists(spark, root, table) else {}


def _held(spark: SparkSession, root: str, table: Table, properties: dict[str, str]) -> Offsets:
    if not storage.exists(spark, root, table):
        return {}
    return resume.behind_losses(resume.next_offsets(spark, root, table), properties)
