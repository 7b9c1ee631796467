"""What the demo publishes, once: generated records from a seed, or a real catalogue with real ratings."""

import hashlib
import json
import time
from collections.abc import Collection, Iterable, Mapping
from pathlib import Path
from typing import NamedTuple

from lakehouse import sent
from lakehouse.errors import InputError
from lakehouse.exports import write_file
from lakehouse.folders import Folder, open_folder
from lakehouse.kafka.client import Cluster
from lakehouse.kafka.topics import end_offsets, ensure_topics, topic_ids
from lakehouse.settings import DemoSettings, KafkaSettings, SilverSettings
from producers.made_up.activity import feedback_records
from producers.made_up.entities import movie_records, series_records, user_records
from producers.made_up.population import split_titles
from producers.real.filled import filled_columns
from producers.replay import feeds_of, findings_of, read_replay
from producers.sending.delivery import publish
from producers.sending.records import Feed, Record

MARKER = "published.json"
ALREADY_PUBLISHED = "already published: these topics hold the same records, so nothing was sent again"


class DemoSource(NamedTuple):
    """`identity` says what the records are generated from: the same identity gives the same records.

    `findings` are reported before anything is sent. `columns` are the silver columns that the records fill.
    """

    identity: Mapping[str, str | int | float]
    feeds: list[Feed]
    findings: list[str]
    columns: Collection[str]


def choose_source(
    demo: DemoSettings,
    kafka: KafkaSettings,
    silver: SilverSettings,
    *,
    catalogue: Path | None,
    ratings: Path | None,
) -> DemoSource:
    """Generated records, or those of the given files, which are read here. Raises InputError for wrong files."""
    if catalogue is None and ratings is None:
        return DemoSource(demo.model_dump(), _made_up(demo, kafka), [], sent.EVERY)
    replay = read_replay(catalogue, ratings)
    # by role, not by name: the catalogue's file may have the name of one of the others
    files = {"catalogue": catalogue} if catalogue else {}
    files |= {"movies": ratings / "movies.csv", "ratings": ratings / "ratings.csv"} if ratings else {}
    return DemoSource(
        {name: _digest(file, replay.records) for name, file in files.items()},
        feeds_of(replay, kafka),
        findings_of(replay, silver, now_ms=round(time.time() * 1000)),
        filled_columns(replay.records),
    )


def publish_once(
    source: DemoSource, kafka: KafkaSettings, cluster: Cluster, *, root: str, shared_ops: str
) -> list[str]:
    """Publish the source's records unless these very topics hold them already; returns lines to print.

    Sending them again would change nothing in silver but the rows' provenance; an unchanged lakehouse is clearer.
    """
    ensure_topics(cluster, kafka.topics, **kafka.new_topics)
    sent.declare(shared_ops, source.columns, root=root)
    ops = open_folder(shared_ops)
    if _published(ops) == _state(source, kafka, cluster):
        return [ALREADY_PUBLISHED]
    ops.delete(MARKER)
    lines = []
    for feed in source.feeds:
        delivery = publish(feed.records, topic=feed.topic, cluster=cluster)
        delivery.require_complete(feed.name)
        lines.append(delivery.line(feed.name))
    write_file(f"{shared_ops}/{MARKER}", json.dumps(_state(source, kafka, cluster)).encode())
    return lines


def _made_up(demo: DemoSettings, kafka: KafkaSettings) -> list[Feed]:
    movies, series = split_titles(demo.titles)
    seed, dirty = demo.seed, demo.dirty
    feedback = feedback_records(seed, demo.feedback, users=demo.users, movies=movies, series=series, dirty=dirty)
    return [
        Feed("users", kafka.users_topic, user_records(seed, demo.users, dirty=dirty)),
        Feed("movies", kafka.movies_topic, movie_records(seed, movies, dirty=dirty)),
        Feed("series", kafka.series_topic, series_records(seed, series, dirty=dirty)),
        Feed("feedback", kafka.feedback_topic, feedback),
    ]


def _digest(file: Path, records: Iterable[Record]) -> str:
    """The digest of the file; a pipe cannot be read twice, so that of the records that came out of it."""
    if not file.is_file():
        return _digest_of(records)
    try:
        return hashlib.sha256(file.read_bytes()).hexdigest()
    except OSError as error:
        raise InputError(f"cannot read {file}: {error.strerror}", todo="name an existing file") from error


def _digest_of(records: Iterable[Record]) -> str:
    digest = hashlib.sha256()
    for record in records:
        # a repr quotes every part: two lists of records never run into the same text
        digest.update(repr(tuple(record)).encode())
    return digest.hexdigest()


def _published(ops: Folder) -> object:
    return json.loads(ops.read(MARKER)) if MARKER in ops.names() else None


def _state(source: DemoSource, kafka: KafkaSettings, cluster: Cluster) -> object:
    """The source with the topics' ids and end offsets, in the form that JSON returns."""
    timeout = kafka.connect_timeout_seconds
    offsets = end_offsets(cluster, kafka.topics, timeout_seconds=timeout)
    state = {
        "source": dict(source.identity),
        "topics": topic_ids(cluster, kafka.topics, timeout_seconds=timeout),
        "ends": {f"{topic}-{partition}": ends[1] for (topic, partition), ends in sorted(offsets.items())},
    }
    return json.loads(json.dumps(state))
