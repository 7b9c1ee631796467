"""Send made-up movies to their Kafka topic: python -m producers.movies --count 100 --seed 42"""

from lakehouse.jobs import run_job
from lakehouse.settings import load_settings
from producers.made_up.entities import movie_records
from producers.made_up.timeline import catalogue_instants
from producers.sending.entry import chosen_instants, chosen_seed, producer_parser, send
from producers.sending.records import Feed


def main() -> int:
    args = producer_parser("Send made-up movies to their Kafka topic.").parse_args()
    settings = load_settings()
    seed = chosen_seed("movies", args.seed)
    instants = chosen_instants(args, catalogue_instants)
    records = movie_records(seed, args.count, dirty=args.dirty, instants=instants)
    return send(
        Feed("movies", settings.kafka.movies_topic, records),
        settings.kafka,
        root=settings.root,
        ops_dir=settings.ops_dir,
        rate=args.rate,
        count=args.count,
    )


if __name__ == "__main__":
    run_job(main)
