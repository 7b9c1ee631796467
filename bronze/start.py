"""Start stream 1 only if it can continue correctly, and rebuild its checkpoints from its tables."""

from collections.abc import Iterator, Sequence

from pyspark.sql import SparkSession

from bronze import resume
from bronze.damaged import read_again, remember, with_loss
from bronze.losses import LOST
from bronze.resume import Topics
from lakehouse import storage
from lakehouse.folders import open_folder
from lakehouse.history.damage import table_damage
from lakehouse.kafka.bronze_sources import Source, bronze_sources
from lakehouse.kafka.client import Cluster
from lakehouse.kafka.topics import end_offsets, topic_ids
from lakehouse.rebuilding import set_checkpoint_aside
from lakehouse.settings import Settings
from lakehouse.spark.checkpoints import (
    Offsets,
    kafka_offsets,
    read_checkpoint,
    require_readable,
)
from lakehouse.tables import Table, layer_tables


def prepare(spark: SparkSession, root: str, source: Source, topics: Topics) -> str:
    """Prepare the table, and return the `startingOffsets` for a stream without a checkpoint.

    Raises CheckpointError if continuing would skip or repeat records.
    """
    table = source.table
    checkpoint = read_checkpoint(open_folder(root), source.stream)
    known = _properties(spark, root, table)
    resume.require_same_topics(table, known, topics)
    read: set[str] = set()
    if checkpoint is not None:
        require_readable(checkpoint)
        resume.require_continuity(spark, root, table, checkpoint)
        if checkpoint.began >= 0:
            read = {topic for topic, _ in kafka_offsets(checkpoint, checkpoint.began)}
            resume.require_topics_read(table, read, source.topics)
    unread = topics.of(set(source.topics) - read)
    starts = _held(spark, root, unread) if unread.ids else {}
    if checkpoint is not None and read:
        resume.require_not_held(table, starts)
        starts = kafka_offsets(checkpoint, checkpoint.ended) if checkpoint.ended >= 0 else {}
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
    """Set the streams' checkpoints aside, so that they resume after the last record of their tables.

    A table with a damaged file is set aside too, and its stream reads Kafka again from the earliest record. This
    fails if that would not bring back all of its records, unless `accept_loss`. Yields what was done, one line
    each. Raises DamageError if only the damaged table still has records.
    """
    root, kafka = settings.root, settings.kafka
    sources = [
        (source, describe_topics(cluster, source.topics, timeout_seconds=kafka.connect_timeout_seconds))
        for source in bronze_sources(kafka)
    ]
    # damaged tables first: the starting points of the others are looked up in both tables
    yield from _set_damaged_aside(spark, root, sources, stamp=stamp, accept_loss=accept_loss)
    for source, topics in sources:
        table = source.table
        known = _properties(spark, root, table)
        resume.require_same_topics(table, known, topics)
        starts = _held(spark, root, topics)
        lost = resume.losses(starts, topics, known)
        if lost and accept_loss:
            storage.ensure(spark, root, table, properties=resume.topic_properties(topics.ids))
            storage.set_properties(spark, root, table, lost)
            ranges = ", ".join(f"{name.removeprefix(LOST)} {lost[name]}" for name in sorted(lost))
            yield f"{table.sql_name}: accepted as lost: {ranges}"
        else:
            resume.require_kept(table, starts, topics)
        aside = set_checkpoint_aside(spark, root, source.stream, stamp=stamp)
        where = ", ".join(
            f"{topic}-{partition} at {offset}" for (topic, partition), offset in sorted(starts.items())
        )
        goes_on = f"resumes from {where or 'the earliest record'}" if source.topics else "has no topic to read"
        yield f"{table.sql_name}: {goes_on}"
        if aside:
            yield f"{table.sql_name}: the old checkpoint is kept at {aside}"


def _set_damaged_aside(
    spark: SparkSession, root: str, sources: Sequence[tuple[Source, Topics]], *, stamp: str, accept_loss: bool
) -> Iterator[str]:
    """Set the damaged tables aside, but none if that would lose records of any of them, unless `accept_loss`.

    Yields what was done, one line each. Raises DamageError with what would be lost.
    """
    found = [(source, topics, table_damage(root, source.table)) for source, topics in sources]
    whole = [_properties(spark, root, source.table) for source, _, damage in found if damage is None]
    elsewhere = {topic for properties in whole for topic in resume.known_topics(properties)}
    damaged = []
    for source, topics, damage in found:
        if damage is not None:
            memory = remember(open_folder(root), source)
            told = with_loss(damage, source, memory, topics, elsewhere=elsewhere)
            if told != damage and not accept_loss:
                raise told.error()
            damaged.append((source.table, told, read_again(source, memory, topics)))
    for table, told, again in damaged:
        kept = storage.set_aside(spark, root, table, stamp=stamp)
        yield f"{table.sql_name}: {told.path} is {told.fault}; read again from Kafka: {', '.join(again) or 'none'}"
        yield f"{table.sql_name}: the damaged table is kept at {kept}"


def _properties(spark: SparkSession, root: str, table: Table) -> dict[str, str]:
    return storage.detail(spark, root, table).properties if storage.exists(spark, root, table) else {}


def _held(spark: SparkSession, root: str, topics: Topics) -> Offsets:
    """The next offset of each partition, after what bronze holds of these topics and after accepted losses.

    Looks in both tables: under other settings the other one may have read a topic. Raises CheckpointError if it
    read a different topic of that name.
    """
    starts: Offsets = {}
    for table in layer_tables("bronze"):
        properties = _properties(spark, root, table)
        known = resume.known_topics(properties)
        if not storage.exists(spark, root, table) or (known and known.isdisjoint(topics.ids)):
            continue
        resume.require_same_topics(table, properties, topics)
        held = resume.behind_losses(resume.next_offsets(spark, root, table), properties)
        for part, offset in held.items():
            if part[0] in topics.ids:
                starts[part] = max(offset, starts.get(part, 0))
    return starts
