"""Time and memory of both streams as the number of messages grows tenfold and a hundredfold.

    python benchmarks/growth.py --messages 100000 1000000 10000000

A real broker holds the messages: the producers' users, movies and series, in three topics of three partitions.
Both streams read them into empty tables, with the default settings, in one JVM that has processed 20,000 before.
Prints for each size the seconds per million messages, the micro-batches, and the peak memory of the JVM and its
Python workers together (without the broker), and writes build/benchmarks/growth.json.
"""

import argparse
import sys
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

from messages import broker_with_topics, send
from process_tree import Usage
from pyspark.sql import SparkSession
from results import write_results
from stream_runs import use_streams_jvm

from bronze.ingest import ingest
from lakehouse.kafka.client import Cluster
from lakehouse.settings import Settings
from lakehouse.spark.lakehouse import SparkLakehouse
from lakehouse.spark.session import spark_session
from lakehouse.tables import BRONZE_EVENTS, SILVER_BATCHES, SILVER_CONTENT, SILVER_USERS
from silver.refine import refine

WARM_UP = 20_000


class Load(NamedTuple):
    messages: int
    bronze_seconds: float
    silver_seconds: float
    bronze_batches: int
    silver_batches: int
    peak_bytes: int


def load(spark: SparkSession, settings: Settings, cluster: Cluster, *, count: int) -> Load:
    jvm = spark.sparkContext._gateway.proc.pid
    send(spark, cluster, settings, first=0, count=count)
    started = time.monotonic()
    with Usage(jvm) as usage:
        ingest(spark, settings, cluster)
        landed = time.monotonic()
        refine(spark, settings)
        ended = time.monotonic()
    lake = SparkLakehouse(settings.root, spark)
    held = sum(lake.read(table).count() for table in (SILVER_USERS, SILVER_CONTENT))
    if held != count:
        sys.exit(f"silver holds {held:,} rows instead of {count:,}")
    return Load(
        messages=count,
        bronze_seconds=landed - started,
        silver_seconds=ended - landed,
        bronze_batches=lake.version(BRONZE_EVENTS),
        silver_batches=lake.version(SILVER_BATCHES),
        peak_bytes=usage.peak_bytes,
    )


def show(loads: list[Load]) -> None:
    print(f"{'':14}{'seconds per million':>22}{'micro-batches':>18}{'':>12}")
    print(f"{'messages':>14}{'bronze':>12}{'silver':>10}{'bronze':>10}{'silver':>8}{'peak GB':>12}")
    for each in loads:
        million = each.messages / 1_000_000
        print(
            f"{each.messages:14,}{each.bronze_seconds / million:12.1f}{each.silver_seconds / million:10.1f}"
            f"{each.bronze_batches:10,}{each.silver_batches:8,}{each.peak_bytes / 1e9:12.2f}"
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--messages", type=int, nargs="+", default=[100_000, 1_000_000, 10_000_000])
    args = parser.parse_args()
    use_streams_jvm()
    loads = []
    with tempfile.TemporaryDirectory() as folder:
        base = Path(folder)
        with spark_session("benchmark", log_file=base / "spark.log") as spark:
            for number, count in enumerate([WARM_UP, *args.messages]):
                with broker_with_topics(base / str(number)) as (settings, cluster):
                    loads.append(load(spark, settings, cluster, count=count))
    show(loads[1:])
    write_results("growth", [each._asdict() for each in loads])


if __name__ == "__main__":
    main()
