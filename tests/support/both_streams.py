"""A driver with both streams in one JVM, as `lakehouse up` has them, without producers and gold, to be killed.

python -m tests.support.both_streams
"""

import sys

from lakehouse.kafka.client import configured_cluster
from lakehouse.settings import load_settings
from lakehouse.spark.session import spark_session
from operations.live.streams import LiveStreams


def main() -> str:
    """Runs until one of the streams ends, which neither does by itself; returns why."""
    settings = load_settings()
    with spark_session("both streams") as spark:
        streams = LiveStreams(spark, settings, configured_cluster(settings.kafka), trigger="3 seconds")
        while not any(worker.join(0.2) for worker in streams.workers):
            pass
        return "; ".join(f"{worker.name}: {worker.failure}" for worker in streams.workers if worker.ended())


if __name__ == "__main__":
    sys.exit(main())
