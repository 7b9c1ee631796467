"""Send made-up movies to their Kafka topic: python -m producers.movies --count 100 --seed 42"""

from lakehouse.jobs import run_job
from producers.made_up.entities import movie_records
from producers.sending.entry import send_entities


def main() -> int:
    return send_entities("movies", movie_records, topic=lambda kafka: kafka.movies_topic)


if __name__ == "__main__":
    run_job(main)
