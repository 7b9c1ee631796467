"""Where stream 1 resumes: checkpoint, bronze table and Kafka topics must agree."""

import json
from collections.abc import Collection, Iterable, Mapping
from typing import NamedTuple

from pyspark.sql import functions as F

from bronze.losses import LOST, accepted_losses
from lakehouse.history.commits import KEEP_ROWS, StreamBatch, commits, stream_batch
from lakehouse.kafka.topics import OffsetRanges as TopicOffsets
from lakehouse.spark.checkpoints import BrokenCheckpointError, Checkpoint, CheckpointError, Offsets, rebuild
from lakehouse.spark.lakehouse import SparkLakehouse
from lakehouse.tables import Table

_TOPIC_ID = "lakehouse.topic."
_REPAIR = rebuild("bronze")


class Topics(NamedTuple):
    """What Kafka reports about the topics: their ids, and the (earliest, next) offset of each partition."""

    ids: Mapping[str, str]
    offsets: TopicOffsets

    def of(self, topics: Iterable[str]) -> "Topics":
        """The same, for these topics only."""
        wanted = set(topics)
        return Topics(
            {topic: value for topic, value in self.ids.items() if topic in wanted},
            {part: value for part, value in self.offsets.items() if part[0] in wanted},
        )


def topic_properties(ids: Mapping[str, str]) -> dict[str, str]:
    """Table properties that record the topics' ids: old offsets mean nothing in a recreated topic."""
    return {f"{_TOPIC_ID}{topic}": topic_id for topic, topic_id in ids.items()}


def known_topics(properties: Mapping[str, str]) -> set[str]:
    """The topics whose ids the table records: every topic its stream was ever started with."""
    return {name.removeprefix(_TOPIC_ID) for name in properties if name.startswith(_TOPIC_ID)}


def require_same_topics(table: Table, properties: Mapping[str, str], topics: Topics) -> None:
    """Raise CheckpointError if a topic is not the one whose records the table holds."""
    for topic, known in other_topics(properties, topics).items():
        raise CheckpointError(
            f"topic {topic} is not the one that {table.sql_name} was read from (its id is {topics.ids[topic]}, it "
            f"was {known}): it was deleted and recreated, or this is another cluster; its offsets start over",
            todo="give the new topic another name and set it in [kafka], or use another LAKEHOUSE_ROOT",
        )


def other_topics(properties: Mapping[str, str], topics: Topics) -> dict[str, str]:
    """The topics that are not the ones of these names that the table was read from, and the ids of those."""
    known = {topic: properties.get(f"{_TOPIC_ID}{topic}", topic_id) for topic, topic_id in topics.ids.items()}
    return {topic: known[topic] for topic, topic_id in topics.ids.items() if known[topic] != topic_id}


def require_continuity(lake: SparkLakehouse, table: Table, checkpoint: Checkpoint) -> None:
    """Raise CheckpointError unless the table holds exactly what the checkpoint says was written.

    The two are compared by the batch that each commit of the stream names. If the checkpoint is older
    than the table, Delta would take new records for batches it already has and drop them; if it is newer, the
    stream would never read what the table lacks.
    """
    if not lake.exists(table):
        if checkpoint.ended >= 0:
            raise _apart(table, "the table is gone, but its checkpoint is not")
        return
    for commit in commits(lake.in_process, table):
        held = stream_batch(commit)
        if held is not None:
            _compare(table, checkpoint, held)
            return
        if commit.operation not in KEEP_ROWS and not commit.is_own:
            raise _apart(table, f"version {commit.version} of the table was written by {commit.operation}")
    if checkpoint.ended >= 0:
        raise _apart(table, f"the checkpoint completed batch {checkpoint.ended}, which the table does not contain")


def _compare(table: Table, checkpoint: Checkpoint, held: StreamBatch) -> None:
    query, batch = held
    if query != checkpoint.query_id:
        raise _apart(table, f"the checkpoint belongs to another stream ({checkpoint.query_id} instead of {query})")
    if batch > checkpoint.began:
        raise _apart(
            table, f"the checkpoint is an old copy: it has {checkpoint.began} batches, the table has {batch}"
        )
    if batch < checkpoint.ended:
        raise _apart(
            table, f"the table is an old copy: it has batch {batch}, the checkpoint has batch {checkpoint.ended}"
        )


def _apart(table: Table, cause: str) -> CheckpointError:
    return BrokenCheckpointError(
        f"{table.sql_name} and its checkpoint do not belong together: {cause}",
        todo=f"{_REPAIR} resumes the stream after the rows of the table",
    )


def require_topics_read(table: Table, read: Collection[str], topics: Collection[str]) -> None:
    """Raise CheckpointError if the settings no longer assign the table a topic that its checkpoint reads."""
    missing = sorted(set(read) - set(topics))
    if missing:
        raise CheckpointError(
            f"the checkpoint of {table.sql_name} reads {', '.join(missing)}, which the settings no longer assign "
            "to this table",
            todo=f"set the old names again, or skip the topics that no setting names any more: {_REPAIR}",
        )


def require_not_held(table: Table, held: Offsets) -> None:
    """Raise CheckpointError if bronze already holds records of topics that are new to the table's checkpoint.

    Spark would read such a topic from its beginning: with a checkpoint, it ignores `startingOffsets`.
    """
    topics = sorted({topic for topic, _ in held})
    if topics:
        raise CheckpointError(
            f"bronze holds records of {', '.join(topics)} that the checkpoint of {table.sql_name} does not "
            "contain, so they would be read again",
            todo=f"{_REPAIR} resumes the stream after them",
        )


def require_kept(table: Table, starts: Offsets, topics: Topics) -> None:
    """Raise CheckpointError if Kafka no longer has, or does not have yet, the next record to read."""
    for part, next_offset in sorted(starts.items()):
        if part not in topics.offsets:
            continue
        earliest, end = topics.offsets[part]
        name = f"{part[0]}-{part[1]}"
        if next_offset > end:
            raise CheckpointError(
                f"{table.sql_name} has read {name} up to offset {next_offset - 1}, but Kafka has it only up to "
                f"{end - 1}: the topic was truncated, restored from an older copy, or lost its last records in a "
                "power failure; bronze still has them",
                todo="before anything new takes their offsets, restore Kafka's newer data; or send new records to "
                "a topic with another name, and set it in [kafka]",
            )
        if next_offset < earliest:
            raise CheckpointError(
                f"Kafka dropped records {next_offset} to {earliest - 1} of {name} before {table.sql_name} "
                "read them",
                todo=f"send them again from their source, then skip the dropped ones: {_REPAIR} --accept-loss",
            )


def next_offsets(lake: SparkLakehouse, table: Table) -> Offsets:
    """The next offset of each partition, according to the table's rows."""
    rows = lake.read(table).groupBy("topic", "partition").agg(F.max("offset").alias("last"))
    return {(row["topic"], row["partition"]): row["last"] + 1 for row in rows.collect()}


def behind_losses(starts: Offsets, properties: Mapping[str, str]) -> Offsets:
    """The starts, moved past accepted losses."""
    moved = dict(starts)
    for part, ranges in accepted_losses(properties).items():
        moved[part] = max(moved.get(part, 0), ranges[-1][1] + 1)
    return moved


def losses(starts: Offsets, topics: Topics, properties: Mapping[str, str]) -> dict[str, str]:
    """Table properties that record what Kafka dropped unread: `first-last` ranges by partition."""
    ranges = {}
    for part, start in starts.items():
        earliest = topics.offsets.get(part, (0, 0))[0]
        if start < earliest:
            name = f"{LOST}{part[0]}-{part[1]}"
            ranges[name] = f"{properties.get(name, '')} {start}-{earliest - 1}".strip()
    return ranges


def starting_offsets(starts: Offsets, topics: Topics) -> str:
    """Spark's `startingOffsets`: names every partition; new ones start at their earliest record."""
    wanted: dict[str, dict[str, int]] = {}
    for (topic, partition), (earliest, _) in sorted(topics.offsets.items()):
        wanted.setdefault(topic, {})[str(partition)] = starts.get((topic, partition), earliest)
    return json.dumps(wanted)
