"""A real catalogue, and real ratings, to Kafka: python -m producers.replay CATALOGUE.csv --ratings DIR"""

import argparse
from collections import Counter
from pathlib import Path
from typing import NamedTuple

from lakehouse.broker import kafka_cluster
from lakehouse.jobs import job_parser, run_job
from lakehouse.settings import Kafka, Settings, load_settings
from lakehouse.topics import ensure_topics
from producers import movielens
from producers.catalogue import EMPTY, read_catalogue
from producers.delivery import Delivery, publish
from producers.records import Record
from producers.sending import add_rate, stop_requests

_INTERRUPTED = 130


class Replay(NamedTuple):
    """All records; how many MovieLens movies are catalogue titles; what was not mapped, by reason."""

    users: list[Record]
    movies: list[Record]
    series: list[Record]
    feedback: list[Record]
    matched: int
    unmapped: dict[str, int]


def read_replay(catalogue: Path | None, ratings: Path | None) -> Replay:
    """The records of a catalogue and of a folder of ratings: the same files give the same bytes.

    Raises InputError where a file is missing or has another layout.
    """
    unmapped: Counter[str] = Counter()
    titles = EMPTY if catalogue is None else read_catalogue(catalogue, unmapped)
    if ratings is None:
        return Replay([], titles.movies, titles.series, [], 0, _counted(unmapped))
    movielens.require_folder(ratings)
    rated = movielens.read_ratings(ratings / "ratings.csv", unmapped)
    library = movielens.read_library(ratings / "movies.csv", rated, titles, unmapped)
    return Replay(
        users=movielens.user_records(rated, library, unmapped),
        movies=titles.movies + library.movies,
        series=titles.series,
        feedback=movielens.feedback_records(rated, library, unmapped),
        matched=library.matched,
        unmapped=_counted(unmapped),
    )


def unmapped_lines(replay: Replay) -> list[str]:
    """What to tell at the end: matches, and every reason with its count."""
    lines = [f"matched: {replay.matched:,} MovieLens movies are titles of the catalogue"] if replay.users else []
    return lines + [f"not mapped: {count:,} {reason}" for reason, count in replay.unmapped.items()]


def _counted(unmapped: Counter[str]) -> dict[str, int]:
    return {reason: count for reason, count in unmapped.items() if count}


def parser() -> argparse.ArgumentParser:
    parser = job_parser("Send a real catalogue, and real ratings, to the Kafka topics.")
    parser.add_argument(
        "catalogue",
        type=Path,
        metavar="CATALOGUE.csv",
        help="a catalogue in the layout of netflix_titles.csv",
    )
    parser.add_argument(
        "--ratings", type=Path, metavar="DIR", help="a folder with MovieLens' movies.csv and ratings.csv"
    )
    add_rate(parser)
    return parser


def main() -> int:
    args = parser().parse_args()
    settings = load_settings()
    replay = read_replay(args.catalogue, args.ratings)
    deliveries = _publish_all(replay, settings, args.rate)
    for line in unmapped_lines(replay):
        print(line)
    for name, delivery in deliveries.items():
        delivery.require_complete(name)
    expected = sum(len(records) for records in replay[:4])
    return 0 if sum(delivery.sent for delivery in deliveries.values()) == expected else _INTERRUPTED


def _publish_all(replay: Replay, settings: Settings, rate: float | None) -> dict[str, Delivery]:
    deliveries = {}
    kafka = settings.kafka
    with kafka_cluster(kafka, settings.root) as cluster:
        ensure_topics(cluster, kafka.topics, **kafka.new_topics)
        with stop_requests() as stopped:
            for name, topic, records in by_topic(replay, kafka):
                delivery = publish(records, topic=topic, cluster=cluster, rate=rate, stopped=stopped)
                print(delivery.line(name), flush=True)
                deliveries[name] = delivery
    return deliveries


def by_topic(replay: Replay, kafka: Kafka) -> list[tuple[str, str, list[Record]]]:
    """Name, topic and records, in the order of sending; without ratings no users and no feedback."""
    parts = [
        ("movies", kafka.movies_topic, replay.movies),
        ("series", kafka.series_topic, replay.series),
        ("users", kafka.users_topic, replay.users),
        ("feedback", kafka.feedback_topic, replay.feedback),
    ]
    return [part for part in parts if part[2]]


if __name__ == "__main__":
    run_job(main)
