"""Send made-up feedback to its Kafka topic: python -m producers.feedback --count 100 --seed 42"""

import argparse

from lakehouse.argument_types import positive
from lakehouse.jobs import run_job
from lakehouse.settings import DemoSettings, load_settings
from producers.made_up.activity import feedback_records
from producers.made_up.population import split_titles
from producers.made_up.timeline import feedback_instants
from producers.sending.entry import chosen_instants, chosen_seed, producer_parser, send
from producers.sending.records import Feed


def parser(demo: DemoSettings) -> argparse.ArgumentParser:
    """The sizes define which users and titles exist: those that the other producers send with the same seed."""
    movies, series = split_titles(demo.titles)
    parser = producer_parser("Send made-up feedback (views, ratings, likes, dislikes) to its Kafka topic.")
    parser.add_argument("--users", type=positive, default=demo.users, help="how many users there are")
    parser.add_argument("--movies", type=positive, default=movies, help="how many movies there are")
    parser.add_argument("--series", type=positive, default=series, help="how many series there are")
    return parser


def main() -> int:
    settings = load_settings()
    args = parser(settings.demo).parse_args()
    seed = chosen_seed("feedback", args.seed)
    records = feedback_records(
        seed,
        args.count,
        users=args.users,
        movies=args.movies,
        series=args.series,
        dirty=args.dirty,
        instants=chosen_instants(args, feedback_instants),
    )
    return send(
        Feed("feedback", settings.kafka.feedback_topic, records),
        settings.kafka,
        root=settings.root,
        shared_ops=settings.shared_ops,
        rate=args.rate,
        count=args.count,
    )


if __name__ == "__main__":
    run_job(main)
