"""What the producer commands share: arguments, stopping on request, the summary line."""

import argparse
import secrets
from collections.abc import Callable, Iterator
from datetime import datetime

from lakehouse import sent
from lakehouse.argument_types import event_moment, natural, positive, rate, share
from lakehouse.broker.embedded import kafka_cluster
from lakehouse.jobs import job_parser
from lakehouse.kafka.topics import ensure_topics
from lakehouse.settings import KafkaSettings, load_settings
from lakehouse.stop_signals import stop_requests
from producers.made_up.timeline import DEFAULT_START, catalogue_instants, wall_clock
from producers.sending.delivery import publish
from producers.sending.records import Feed, Record

_INTERRUPTED = 130


def producer_parser(description: str) -> argparse.ArgumentParser:
    parser = job_parser(description)
    parser.add_argument("--count", type=positive, metavar="N", help="number of records (default: endless)")
    parser.add_argument(
        "--seed",
        type=natural,
        help="the same seed gives the same records, byte for byte (default: random, and printed)",
    )
    parser.add_argument(
        "--dirty", type=share, default=0.0, metavar="SHARE", help="share of records broken on purpose, 0 to 1"
    )
    parser.add_argument(
        "--start",
        type=event_moment,
        metavar="TIME",
        help=f"time of the first event (default: {DEFAULT_START:%Y-%m-%d} with --seed, else now, for each event)",
    )
    add_rate(parser)
    return parser


def add_rate(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--rate", type=rate, metavar="R", help="records per second (default: as fast as possible)")


def chosen_seed(name: str, seed: int | None) -> int:
    """The requested seed, or a new one, which is printed so that the run can be repeated."""
    if seed is not None:
        return seed
    drawn = secrets.randbelow(2**31)
    print(f"{name}: seed {drawn}", flush=True)
    return drawn


def chosen_instants(
    args: argparse.Namespace, spread: Callable[[datetime, int | None], Iterator[int]]
) -> Iterator[int]:
    """Repeatable event times for a run with a seed or a start; otherwise the current time at each event."""
    if args.seed is None and args.start is None:
        return wall_clock()
    return spread(args.start or DEFAULT_START, args.count)


def send_entities(
    name: str, records: Callable[..., Iterator[Record]], *, topic: Callable[[KafkaSettings], str]
) -> int:
    """The main of the producers of users, movies and series: `records` makes those of a seed, count and share."""
    args = producer_parser(f"Send made-up {name} to their Kafka topic.").parse_args()
    settings = load_settings()
    seed = chosen_seed(name, args.seed)
    made = records(seed, args.count, dirty=args.dirty, instants=chosen_instants(args, catalogue_instants))
    return send(
        Feed(name, topic(settings.kafka), made),
        settings.kafka,
        root=settings.root,
        shared_ops=settings.shared_ops,
        rate=args.rate,
        count=args.count,
    )


def send(
    feed: Feed, kafka: KafkaSettings, *, root: str, shared_ops: str, rate: float | None, count: int | None
) -> int:
    """Publish, print the summary line, return the exit code: 0, or 130 if it was stopped before `count` records.

    Stopping an endless run is a normal end, not a failure. Raises CheckFailedError for undelivered records.
    """
    with kafka_cluster(kafka, root) as cluster:
        ensure_topics(cluster, [feed.topic], **kafka.new_topics)
        sent.declare(shared_ops, sent.EVERY, root=root)
        with stop_requests(counted=1) as stop:
            delivery = publish(feed.records, topic=feed.topic, cluster=cluster, rate=rate, stopped=stop.received)
    print(delivery.line(feed.name), flush=True)
    delivery.require_complete(feed.name)
    return _INTERRUPTED if stop.received() and count not in (None, delivery.sent) else 0
