"""A driver to be killed: both streams in one JVM as in `lakehouse up`, without producers and gold.

python -m tests.support.both_streams
"""

import sys

from lakehouse.kafka.client import configured_cluster
from lakehouse.settings import load_settings
from lakehouse.spark.session import spark_session
from operations.live.streams import LiveStreams


def main() -> str:
    """Run until one of the streams ends, which neither does on its own; returns why."""
    settings = load_settings()
    with spark_session("both streams") as spark:
        streams = LiveStreams(spark, settings, configured_cluster(settings.kafka), trigger="3 seconds")
        while not any(worker.join(0.2) for worker in streams.workers):
            pass
        return "; ".join(f"{worker.name}: {worker.failure}" for worker in streams.workers if worker.ended())


if __name__ == "__main__":
    sys.exit(main())
