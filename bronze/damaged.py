"""Whether Kafka can give back the records of a damaged bronze table, from what its files remember. No Spark."""

import io
import json
from collections.abc import Collection, Iterable, Mapping
from typing import NamedTuple

import pyarrow.parquet as pq

from bronze.resume import Topics, known_topics, other_topics
from lakehouse.folders import Folder
from lakehouse.history.damage import Damage
from lakehouse.history.log import read_actions, table_log
from lakehouse.kafka.bronze_sources import BronzeSource
from lakehouse.spark.checkpoints import Offsets, as_offsets, rebuild


class Memory(NamedTuple):
    """The table's properties, and the next offset of each partition according to its stream's checkpoint."""

    properties: Mapping[str, str]
    read_to: Offsets

    @property
    def topics(self) -> set[str]:
        """Every topic whose records the table may hold."""
        return known_topics(self.properties) | {topic for topic, _ in self.read_to}


def remember(root: Folder, source: BronzeSource) -> Memory:
    """What can still be read of the table's log and of its stream's checkpoint; empty where nothing can."""
    offsets = root / "checkpoints" / source.stream / "offsets"
    return Memory(_properties(table_log(root, source.table)), _read_to(offsets))


def with_loss(
    damage: Damage, source: BronzeSource, memory: Memory, topics: Topics, *, elsewhere: Collection[str] = ()
) -> Damage:
    """The damage, and in its fault and todo what reading Kafka again would lose; unchanged if that is nothing.

    `elsewhere` are the topics that the other bronze table has read: its stream goes on from there.
    """
    moved = memory.topics - set(source.topics)
    shared = (memory.topics - moved) & set(elsewhere)
    dropped = _not_in_kafka(source, memory, topics)
    faults = [damage.fault]
    if dropped:
        faults.append(f"Kafka no longer has all records of its table ({', '.join(dropped)})")
    if moved:
        faults.append(f"the settings no longer assign {', '.join(sorted(moved))} to its table")
    if shared:
        faults.append(f"the other bronze table resumes after its own records of {', '.join(sorted(shared))}")
    if len(faults) == 1:
        return damage
    names = "set the old topic names again, " if moved else ""
    return damage._replace(
        fault=", and ".join(faults),
        todo=f"restore that file from a copy, {names}or give up these records: {rebuild('bronze')} --accept-loss",
    )


def read_again(source: BronzeSource, memory: Memory, topics: Topics) -> list[str]:
    """The topics of a damaged table that are read from Kafka again."""
    known = set(topics.ids) & set(source.topics)
    return sorted(known & memory.topics if memory.topics else known)


def _not_in_kafka(source: BronzeSource, memory: Memory, topics: Topics) -> list[str]:
    """What Kafka has dropped, lost or replaced of the topics that the table still reads."""
    others = other_topics(memory.properties, topics)
    gone = sorted((memory.topics & set(source.topics)) - set(topics.ids))
    lost = [f"topic {topic} does not exist" for topic in gone]
    lost += [f"topic {topic} was deleted and recreated, or belongs to another cluster" for topic in sorted(others)]
    for (topic, partition), (earliest, end) in sorted(topics.offsets.items()):
        if topic in others:
            continue
        if earliest > 0:
            lost.append(f"{topic}-{partition} 0-{earliest - 1}")
        read_to = memory.read_to.get((topic, partition), 0)
        if read_to > end:
            lost.append(f"{topic}-{partition} {end}-{read_to - 1}")
    return lost


def _properties(log: Folder) -> Mapping[str, str]:
    """The table properties in the newest metadata of the log that can be read."""
    names = (name for name in log.names() if name[:20].isdigit() and name.endswith((".json", ".parquet")))
    for name in sorted(names, reverse=True):
        try:
            properties = (
                _commit_properties(log, name) if name.endswith(".json") else _checkpoint_properties(log, name)
            )
        except (OSError, ValueError):  # includes pyarrow's and json's own errors
            continue
        if properties is not None:
            return properties
    return {}


def _commit_properties(log: Folder, name: str) -> Mapping[str, str] | None:
    return _last(action.get("metaData") for action in read_actions(log, int(name[:20])))


def _checkpoint_properties(log: Folder, name: str) -> Mapping[str, str] | None:
    rows = pq.ParquetFile(io.BytesIO(log.read(name))).read(columns=["metaData.configuration"])
    return _last(rows.column("metaData").to_pylist() if "metaData" in rows.column_names else [])


def _last(candidates: Iterable[Mapping[str, Mapping[str, str]] | None]) -> Mapping[str, str] | None:
    """The properties of the last metadata; None if there is none."""
    listed = [metadata for metadata in candidates if metadata]
    return dict(listed[-1].get("configuration") or {}) if listed else None


def _read_to(offsets: Folder) -> Offsets:
    """The next offset of each partition in the newest batch that can be read."""
    for batch in sorted((int(name) for name in offsets.names() if name.isdigit()), reverse=True):
        try:
            return as_offsets(json.loads(offsets.read(str(batch)).decode().splitlines()[2]))
        except (IndexError, OSError, ValueError):
            continue
    return {}
