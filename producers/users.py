"""Send made-up users to their Kafka topic: python -m producers.users --count 100 --seed 42"""

from lakehouse.jobs import run_job
from lakehouse.settings import load_settings
from producers.made_up.entities import user_records
from producers.made_up.timeline import catalogue_instants
from producers.sending.entry import chosen_instants, chosen_seed, producer_parser, send
from producers.sending.records import Feed


def main() -> int:
    args = producer_parser("Send made-up users to their Kafka topic.").parse_args()
    settings = load_settings()
    seed = chosen_seed("users", args.seed)
    instants = chosen_instants(args, catalogue_instants)
    records = user_records(seed, args.count, dirty=args.dirty, instants=instants)
    return send(
        Feed("users", settings.kafka.users_topic, records),
        settings.kafka,
        root=settings.root,
        ops_dir=settings.ops_dir,
        rate=args.rate,
        count=args.count,
    )


if __name__ == "__main__":
    run_job(main)
