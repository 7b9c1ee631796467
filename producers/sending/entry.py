"""What the producer commands share: arguments, stopping on request, the summary line."""

import argparse
import secrets
import signal
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from datetime import datetime
from types import FrameType

from lakehouse import sent
from lakehouse.broker.embedded import kafka_cluster
from lakehouse.jobs import job_parser
from lakehouse.kafka.topics import ensure_topics
from lakehouse.settings import Settings
from producers.made_up.timeline import DEFAULT_START, wall_clock
from producers.sending.delivery import publish
from producers.sending.records import Record

_INTERRUPTED = 130


class StopRequest:
    """Whether Ctrl-C or SIGTERM was received. A second one ends the process at once."""

    def __init__(self) -> None:
        self.came = False

    def __call__(self) -> bool:
        return self.came

    def note(self, number: int, frame: FrameType | None) -> None:  # noqa: ARG002 - the signature is signal's
        self.came = True
        signal.signal(signal.SIGINT, signal.default_int_handler)
        signal.signal(signal.SIGTERM, signal.SIG_DFL)


@contextmanager
def stop_requests() -> Iterator[StopRequest]:
    """Within the block, Ctrl-C and SIGTERM request a stop instead of interrupting."""
    request = StopRequest()
    before = {number: signal.signal(number, request.note) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield request
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def producer_parser(description: str) -> argparse.ArgumentParser:
    parser = job_parser(description)
    parser.add_argument("--count", type=positive, metavar="N", help="how many records; without it: endless")
    parser.add_argument(
        "--seed", type=natural, help="same seed, same records, byte by byte; without it: drawn and printed"
    )
    parser.add_argument(
        "--dirty", type=share, default=0.0, metavar="SHARE", help="share of records broken on purpose, 0 to 1"
    )
    parser.add_argument(
        "--start",
        type=instant,
        metavar="TIME",
        help=f"when the events begin; with --seed: {DEFAULT_START:%Y-%m-%d}, without: each at its own moment",
    )
    add_rate(parser)
    return parser


def add_rate(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--rate", type=speed, metavar="R", help="records per second; without it: all it can")


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


def send(records: Iterable[Record], *, name: str, topic: str, settings: Settings, args: argparse.Namespace) -> int:
    """Publish, print the summary line, return the exit code: 0, or 130 if a run with --count was stopped early.

    Stopping an endless run is a normal end, not a failure. Raises CheckFailedError for undelivered records.
    """
    kafka = settings.kafka
    with kafka_cluster(kafka, settings.root) as cluster:
        ensure_topics(cluster, [topic], **kafka.new_topics)
        sent.remember(settings.ops_dir, sent.EVERY, root=settings.root)
        with stop_requests() as stopped:
            delivery = publish(records, topic=topic, cluster=cluster, rate=args.rate, stopped=stopped)
    print(delivery.line(name), flush=True)
    delivery.require_complete(name)
    return _INTERRUPTED if stopped() and getattr(args, "count", None) not in (None, delivery.sent) else 0


def positive(text: str) -> int:
    number = natural(text)
    if number == 0:
        raise argparse.ArgumentTypeError("0 is too few; write a whole number from 1")
    return number


def natural(text: str) -> int:
    if not text.isdecimal():
        raise argparse.ArgumentTypeError(f"{text!r} is no whole number from 0")
    return int(text)


def share(text: str) -> float:
    number = _number(text)
    if not 0 <= number <= 1:
        raise argparse.ArgumentTypeError(f"{text!r} is no share; write a number from 0 to 1")
    return number


def speed(text: str) -> float:
    number = _number(text)
    if not 0 < number < float("inf"):
        raise argparse.ArgumentTypeError(f"{text!r} is no rate; write records per second, as 50 or 0.5")
    return number


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is no number") from None


def instant(text: str) -> datetime:
    """An ISO 8601 time from 1970 on: earlier times are not valid event times."""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is no time; write 2025-01-01T00:00:00Z") from None
    if moment.year <= 1970:
        raise argparse.ArgumentTypeError(f"{text!r} is too early; write a time after 1970")
    return moment
