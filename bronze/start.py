"""Start stream 1 only if it can continue correctly, and rebuild its checkpoints from its tables."""

from collections.abc import Iterator, Sequence

from bronze import resume
from bronze.damaged import read_again, remember, with_loss
from bronze.losses import LOST
from bronze.resume import Topics
from lakehouse.history.damage import table_damage
from lakehouse.history.retention import removed
from lakehouse.kafka.bronze_sources import BronzeSource, bronze_sources
from lakehouse.kafka.client import Cluster
from lakehouse.kafka.topics import end_offsets, topic_ids
from lakehouse.rebuilding import set_checkpoint_aside
from lakehouse.settings import KafkaSettings
from lakehouse.spark.checkpoints import (
    Offsets,
    kafka_offsets,
    read_checkpoint,
    require_readable,
)
from lakehouse.spark.lakehouse import SparkLakehouse
from lakehouse.tables import Table, layer_tables
from lakehouse.tables.declaration import APPEND_ONLY, CHANGEABLE


def prepare(lake: SparkLakehouse, source: BronzeSource, topics: Topics, *, keep_days: int) -> str:
    """Prepare the table, and return the `startingOffsets` for a stream without a checkpoint.

    With `keep_days`, Delta no longer refuses to remove its old rows. Raises CheckpointError if continuing would
    skip or repeat records.
    """
    table = source.table
    checkpoint = read_checkpoint(lake.in_process.folder, source.stream)
    known = _properties(lake, table)
    resume.require_same_topics(table, known, topics)
    read: set[str] = set()
    if checkpoint is not None:
        require_readable(checkpoint)
        resume.require_continuity(lake, table, checkpoint)
        if checkpoint.began >= 0:
            read = {topic for topic, _ in kafka_offsets(checkpoint, checkpoint.began)}
            resume.require_topics_read(table, read, source.topics)
    unread = topics.of(set(source.topics) - read)
    starts = _held(lake, unread) if unread.ids else {}
    if checkpoint is not None and read:
        resume.require_not_held(table, starts)
        starts = kafka_offsets(checkpoint, checkpoint.ended) if checkpoint.ended >= 0 else {}
    resume.require_kept(table, starts, topics)
    properties = {**resume.topic_properties(topics.ids), **(CHANGEABLE if keep_days else APPEND_ONLY)}
    lake.ensure(table, properties=properties)
    if known and not properties.items() <= known.items():
        lake.set_properties(table, properties)
    return resume.starting_offsets(starts, topics)


def describe_topics(cluster: Cluster, topics: Sequence[str], *, timeout_seconds: float) -> Topics:
    return Topics(
        topic_ids(cluster, topics, timeout_seconds=timeout_seconds),
        end_offsets(cluster, topics, timeout_seconds=timeout_seconds),
    )


def rebuild_checkpoints(
    lake: SparkLakehouse, kafka: KafkaSettings, cluster: Cluster, *, stamp: str, accept_loss: bool
) -> Iterator[str]:
    """Set the streams' checkpoints aside, so that they resume after the last record of their tables.

    A table with a damaged file is set aside too, and its stream reads Kafka again from the earliest record. This
    fails if that would not bring back all of its records, unless `accept_loss`. Yields what was done, one line
    each. Raises DamageError if only the damaged table still has records.
    """
    timeout = kafka.connect_timeout_seconds
    sources = [
        (source, describe_topics(cluster, source.topics, timeout_seconds=timeout))
        for source in bronze_sources(kafka)
    ]
    # damaged tables first: the starting points of the others are looked up in both tables
    yield from _set_damaged_aside(lake, sources, stamp=stamp, accept_loss=accept_loss)
    for source, topics in sources:
        table = source.table
        known = _properties(lake, table)
        resume.require_same_topics(table, known, topics)
        starts = _held(lake, topics)
        lost = resume.losses(starts, topics, known)
        if lost and accept_loss:
            lake.ensure(table, properties=resume.topic_properties(topics.ids))
            lake.set_properties(table, lost)
            ranges = ", ".join(f"{name.removeprefix(LOST)} {lost[name]}" for name in sorted(lost))
            yield f"{table.sql_name}: accepted as lost: {ranges}"
        else:
            resume.require_kept(table, starts, topics)
        aside = set_checkpoint_aside(lake, source.stream, stamp=stamp)
        where = ", ".join(
            f"{topic}-{partition} at {offset}" for (topic, partition), offset in sorted(starts.items())
        )
        goes_on = f"resumes from {where or 'the earliest record'}" if source.topics else "has no topic to read"
        yield f"{table.sql_name}: {goes_on}"
        if aside:
            yield f"{table.sql_name}: the old checkpoint is kept at {aside}"


def _set_damaged_aside(
    lake: SparkLakehouse, sources: Sequence[tuple[BronzeSource, Topics]], *, stamp: str, accept_loss: bool
) -> Iterator[str]:
    """Set the damaged tables aside, but none if that would lose records of any of them, unless `accept_loss`.

    Yields what was done, one line each. Raises DamageError with what would be lost.
    """
    examined = [(source, topics, table_damage(lake.root, source.table)) for source, topics in sources]
    whole = [_properties(lake, source.table) for source, _, damage in examined if damage is None]
    elsewhere = {topic for properties in whole for topic in resume.known_topics(properties)}
    damaged = []
    for source, topics, damage in examined:
        if damage is not None:
            memory = remember(lake.in_process.folder, source)
            loss = with_loss(damage, source, memory, topics, elsewhere=elsewhere)
            if loss != damage and not accept_loss:
                raise loss.error()
            damaged.append((source.table, loss, read_again(source, memory, topics)))
    for table, loss, again in damaged:
        kept = lake.set_aside(table, stamp=stamp)
        yield f"{table.sql_name}: {loss.path} is {loss.fault}; read again from Kafka: {', '.join(again) or 'none'}"
        yield f"{table.sql_name}: the damaged table is kept at {kept}"


def _next_offsets(lake: SparkLakehouse, table: Table, topics: Topics) -> Offsets:
    """The next offset of each partition that bronze has read, whether or not its rows are still there."""
    held, opened = resume.next_offsets(lake, table), lake.in_process.delta(table)
    gone = {part: removed(opened, part).next_offset for part in topics.offsets}
    return {
        part: max(held.get(part, 0), gone.get(part, 0)) for part in {*held, *(part for part in gone if gone[part])}
    }


def _properties(lake: SparkLakehouse, table: Table) -> dict[str, str]:
    return lake.detail(table).properties if lake.exists(table) else {}


def _held(lake: SparkLakehouse, topics: Topics) -> Offsets:
    """The next offset of each partition, after what bronze holds of these topics and after accepted losses.

    Looks in both tables: under other settings the other one may have read a topic. Raises CheckpointError if it
    read a different topic of that name.
    """
    starts: Offsets = {}
    for table in layer_tables("bronze"):
        properties = _properties(lake, table)
        known = resume.known_topics(properties)
        if not lake.exists(table) or (known and known.isdisjoint(topics.ids)):
            continue
        resume.require_same_topics(table, properties, topics)
        held = resume.behind_losses(_next_offsets(lake, table, topics), properties)
        for part, offset in held.items():
            if part[0] in topics.ids:
                starts[part] = max(offset, starts.get(part, 0))
    return starts
