"""Send made-up series to their Kafka topic: python -m producers.series --count 100 --seed 42"""

from lakehouse.jobs import run_job
from producers.made_up.entities import series_records
from producers.sending.entry import send_entities


def main() -> int:
    return send_entities("series", series_records, topic=lambda kafka: kafka.series_topic)


if __name__ == "__main__":
    run_job(main)
