"""What the demo publishes, once: made-up records from a seed, or a real catalogue with real ratings."""

import hashlib
import json
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import NamedTuple

from lakehouse.drafts import replacing
from lakehouse.errors import InputError
from lakehouse.kafka_client import Cluster
from lakehouse.settings import Demo, Kafka, Settings
from lakehouse.topics import end_offsets, ensure_topics, topic_ids
from producers.activity import feedback_records
from producers.delivery import publish
from producers.entities import movie_records, series_records, user_records
from producers.population import split_titles
from producers.records import Record
from producers.replay import by_topic, read_replay, unmapped_lines

MARKER = "published.json"
ALREADY_PUBLISHED = "already published: these topics hold the same records, nothing was sent again"


class Part(NamedTuple):
    """The records of one producer."""

    name: str
    topic: str
    records: Iterable[Record]


class Source(NamedTuple):
    """`identity` says what the records are made from: the same identity, the same records.

    `prepare` makes them, and lines to tell about them.
    """

    identity: Mapping[str, str | int | float]
    prepare: Callable[[], tuple[list[Part], list[str]]]


def choose(settings: Settings, *, catalogue: Path | None, ratings: Path | None) -> Source:
    kafka = settings.kafka
    if catalogue is None:
        return Source(settings.demo.model_dump(), lambda: (_made_up(settings.demo, kafka), []))
    files = [catalogue, *([ratings / "movies.csv", ratings / "ratings.csv"] if ratings else [])]
    return Source({file.name: _digest(file) for file in files}, lambda: _replayed(kafka, catalogue, ratings))


def publish_once(source: Source, settings: Settings, cluster: Cluster) -> list[str]:
    """Publish the source's records unless these very topics hold them already; returns lines to tell.

    Sending them again would change no row of silver but where it came from; an unchanged lakehouse is clearer.
    """
    kafka = settings.kafka
    ensure_topics(cluster, kafka.topics, **kafka.new_topics)
    marker = settings.ops_dir / MARKER
    if _published(marker) == _state(source, kafka, cluster):
        return [ALREADY_PUBLISHED]
    marker.unlink(missing_ok=True)
    parts, lines = source.prepare()
    for part in parts:
        delivery = publish(part.records, topic=part.topic, cluster=cluster)
        delivery.require_complete(part.name)
        lines.append(delivery.line(part.name))
    marker.parent.mkdir(parents=True, exist_ok=True)
    with replacing(marker) as draft:
        draft.write_text(json.dumps(_state(source, kafka, cluster)), encoding="utf-8")
    return lines


def _made_up(demo: Demo, kafka: Kafka) -> list[Part]:
    movies, series = split_titles(demo.titles)
    seed, dirty = demo.seed, demo.dirty
    feedback = feedback_records(seed, demo.feedback, users=demo.users, movies=movies, series=series, dirty=dirty)
    return [
        Part("users", kafka.users_topic, user_records(seed, demo.users, dirty=dirty)),
        Part("movies", kafka.movies_topic, movie_records(seed, movies, dirty=dirty)),
        Part("series", kafka.series_topic, series_records(seed, series, dirty=dirty)),
        Part("feedback", kafka.feedback_topic, feedback),
    ]


def _replayed(kafka: Kafka, catalogue: Path, ratings: Path | None) -> tuple[list[Part], list[str]]:
    replay = read_replay(catalogue, ratings)
    return [Part(*part) for part in by_topic(replay, kafka)], unmapped_lines(replay)


def _digest(file: Path) -> str:
    try:
        return hashlib.sha256(file.read_bytes()).hexdigest()
    except OSError as error:
        raise InputError(f"cannot read {file}: {error.strerror}", todo="name an existing file") from error


def _published(marker: Path) -> object:
    return json.loads(marker.read_text(encoding="utf-8")) if marker.is_file() else None


def _state(source: Source, kafka: Kafka, cluster: Cluster) -> object:
    """The source with the topics' ids and ends, in the form in which it comes back from JSON."""
    timeout = kafka.connect_timeout_seconds
    offsets = end_offsets(cluster, kafka.topics, timeout_seconds=timeout)
    state = {
        "source": dict(source.identity),
        "topics": topic_ids(cluster, kafka.topics, timeout_seconds=timeout),
        "ends": {f"{topic}-{partition}": ends[1] for (topic, partition), ends in sorted(offsets.items())},
    }
    return json.loads(json.dumps(state))
