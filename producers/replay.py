"""Send a real catalogue, real ratings, or both to Kafka: python -m producers.replay CATALOGUE.csv --ratings DIR"""

import argparse
import time
from collections import Counter
from pathlib import Path
from typing import NamedTuple

from lakehouse import sent
from lakehouse.broker.embedded import kafka_cluster
from lakehouse.errors import InputError
from lakehouse.jobs import job_parser, run_job
from lakehouse.kafka.topics import ensure_topics
from lakehouse.settings import KafkaSettings, SilverSettings, load_settings
from lakehouse.stop_signals import stop_requests
from producers.real import findings, movielens
from producers.real.catalogue import empty, read_catalogue
from producers.real.filled import filled_columns
from producers.sending.delivery import Delivery, publish
from producers.sending.entry import add_rate
from producers.sending.records import Feed, Record

_INTERRUPTED = 130


class Replay(NamedTuple):
    """All records, the number of MovieLens movies that are catalogue titles, and unmapped data by reason.

    `types` are the catalogue's unknown types, `classifications` all of its ratings, each with its rows. `is_both`:
    there was a catalogue to match the movies with.
    """

    users: list[Record]
    movies: list[Record]
    series: list[Record]
    feedback: list[Record]
    matched: int
    unmapped: dict[str, int]
    types: Counter[str]
    classifications: Counter[str]
    is_both: bool = False

    @property
    def records(self) -> list[Record]:
        return [*self.users, *self.movies, *self.series, *self.feedback]


def read_replay(catalogue: Path | None, ratings: Path | None) -> Replay:
    """The records of a catalogue, of a folder of ratings, or of both. The same files give the same bytes.

    Raises InputError if neither is given, a file is missing or has another layout, or a time cannot be read.
    """
    if catalogue is None and ratings is None:
        raise InputError("nothing to replay", todo="give a catalogue CSV, --ratings DIR, or both")
    unmapped: Counter[str] = Counter()
    titles = empty() if catalogue is None else read_catalogue(catalogue, unmapped)
    values = (titles.types, titles.classifications)
    if ratings is None:
        return Replay([], titles.movies, titles.series, [], 0, _counted(unmapped), *values)
    movielens.require_folder(ratings)
    rated = movielens.read_ratings(ratings / "ratings.csv", unmapped)
    library = movielens.read_library(ratings / "movies.csv", rated, titles, unmapped)
    return Replay(
        movielens.user_records(rated, library, unmapped),
        titles.movies + library.movies,
        titles.series,
        movielens.feedback_records(rated, library, unmapped),
        library.matched,
        _counted(unmapped),
        *values,
        is_both=catalogue is not None,
    )


def findings_of(replay: Replay, silver: SilverSettings, *, now_ms: int) -> list[str]:
    """What to report before anything is sent, given what silver accepts."""
    latest_ms = now_ms + silver.future_tolerance_seconds * 1000
    lines = [f"matched: {replay.matched:,} MovieLens movies are also in the catalogue"] if replay.is_both else []
    return [
        *lines,
        *findings.unmapped_lines(replay.unmapped),
        *findings.unknown_type_lines(replay.types),
        *findings.unknown_classification_lines(replay.classifications, silver.clasificaciones),
        *findings.future_lines(replay.records, latest_ms=latest_ms),
    ]


def _counted(unmapped: Counter[str]) -> dict[str, int]:
    return {reason: count for reason, count in unmapped.items() if count}


def parser() -> argparse.ArgumentParser:
    parser = job_parser("Send a real catalogue, and real ratings, to the Kafka topics.")
    parser.add_argument(
        "catalogue",
        nargs="?",
        type=Path,
        metavar="CATALOGUE.csv",
        help="a catalogue in the layout of netflix_titles.csv",
    )
    parser.add_argument(
        "--ratings",
        type=Path,
        metavar="DIR",
        help="a folder with MovieLens' movies.csv and ratings.csv, with or without a catalogue",
    )
    add_rate(parser)
    return parser


def main() -> int:
    args = parser().parse_args()
    settings = load_settings()
    replay = read_replay(args.catalogue, args.ratings)
    for line in findings_of(replay, settings.silver, now_ms=round(time.time() * 1000)):
        print(line, flush=True)
    deliveries = _publish_all(
        replay, settings.kafka, root=settings.root, shared_ops=settings.shared_ops, rate=args.rate
    )
    for name, delivery in deliveries.items():
        delivery.require_complete(name)
    expected = sum(len(records) for records in replay[:4])
    return 0 if sum(delivery.sent for delivery in deliveries.values()) == expected else _INTERRUPTED


def _publish_all(
    replay: Replay, kafka: KafkaSettings, *, root: str, shared_ops: str, rate: float | None
) -> dict[str, Delivery]:
    deliveries = {}
    with kafka_cluster(kafka, root) as cluster:
        ensure_topics(cluster, kafka.topics, **kafka.new_topics)
        sent.declare(shared_ops, filled_columns(replay.records), root=root)
        with stop_requests(counted=1) as stop:
            for feed in feeds_of(replay, kafka):
                delivery = publish(
                    feed.records, topic=feed.topic, cluster=cluster, rate=rate, stopped=stop.received
                )
                print(delivery.line(feed.name), flush=True)
                deliveries[feed.name] = delivery
    return deliveries


def feeds_of(replay: Replay, kafka: KafkaSettings) -> list[Feed]:
    """The replay's records in sending order; without ratings there are no users and no feedback."""
    feeds = [
        Feed("movies", kafka.movies_topic, replay.movies),
        Feed("series", kafka.series_topic, replay.series),
        Feed("users", kafka.users_topic, replay.users),
        Feed("feedback", kafka.feedback_topic, replay.feedback),
    ]
    return [feed for feed in feeds if feed.records]


if __name__ == "__main__":
    run_job(main)
