"""Send made-up users to their Kafka topic: python -m producers.users --count 100 --seed 42"""

from lakehouse.jobs import run_job
from producers.made_up.entities import user_records
from producers.sending.entry import send_entities


def main() -> int:
    return send_entities("users", user_records, topic=lambda kafka: kafka.users_topic)


if __name__ == "__main__":
    run_job(main)
