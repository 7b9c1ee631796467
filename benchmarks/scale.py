"""Ten times the producers, partitions and messages: does a message still cost the same?

    python benchmarks/scale.py --messages 1000

Producers of users, movies, series and feedback send at the same time, each that many messages with a Kafka client
of its own: first 4 of them to topics of 3 partitions, then 40 to topics of 30. Both streams read each load into
empty tables, in one JVM that has processed a small one before. Prints seconds and processor seconds (of all
processes, with the broker's) per million messages, and what is left on disk. Writes build/benchmarks/scale.json.
"""

import argparse
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from pathlib import Path
from typing import NamedTuple

from messages import broker_with_topics
from process_tree import Usage
from pyspark.sql import SparkSession
from results import write_results
from stream_runs import use_streams_jvm

from bronze.ingest import ingest
from lakehouse.history.snapshots import read_snapshot
from lakehouse.kafka.client import Cluster
from lakehouse.lakehouse import Lakehouse
from lakehouse.settings import KafkaSettings, Settings
from lakehouse.spark.session import spark_session
from lakehouse.tables import layer_tables
from producers.made_up.activity import feedback_records
from producers.made_up.entities import movie_records, series_records, user_records
from producers.sending.delivery import publish
from producers.sending.records import Record
from silver.refine import refine

PARTITIONS = 3
WARM_UP = 200
# The users and titles that feedback is about; the others are sent by all producers together.
USERS, MOVIES, SERIES = 1_000, 1_000, 1_000


class Producer(NamedTuple):
    topic: str
    records: Iterator[Record]


class Stage(NamedTuple):
    seconds: float
    cpu_seconds: float


class Load(NamedTuple):
    producers: int
    partitions: int
    messages: int
    sending: Stage
    bronze: Stage
    silver: Stage
    files: int
    stored_bytes: int


def producers(kafka: KafkaSettings, *, groups: int, count: int) -> list[Producer]:
    """Four per group, of `count` records each. No two send the same id."""
    return [
        Producer(topic, records)
        for group in range(groups)
        for topic, records in (
            (kafka.users_topic, _part(user_records, group, count)),
            (kafka.movies_topic, _part(movie_records, group, count)),
            (kafka.series_topic, _part(series_records, group, count)),
            (kafka.feedback_topic, feedback_records(group, count, users=USERS, movies=MOVIES, series=SERIES)),
        )
    ]


def _part(records: Callable[[int, int | None], Iterator[Record]], group: int, count: int) -> Iterator[Record]:
    """The group's own entities: those after the entities of the groups before it."""
    return islice(records(1, None), group * count, (group + 1) * count)


def send(cluster: Cluster, chosen: list[Producer]) -> None:
    with ThreadPoolExecutor(len(chosen)) as threads:
        sent = [threads.submit(publish, one.records, topic=one.topic, cluster=cluster) for one in chosen]
    for delivery in sent:
        delivery.result().require_complete("benchmark")


def measured(work: Callable[[], None]) -> Stage:
    started = time.monotonic()
    with Usage() as usage:
        work()
    return Stage(time.monotonic() - started, usage.cpu_seconds)


def load(spark: SparkSession, folder: Path, *, groups: int, count: int) -> Load:
    partitions = PARTITIONS * groups
    with broker_with_topics(folder, partitions=partitions) as (settings, cluster):
        chosen = producers(settings.kafka, groups=groups, count=count)
        sending = measured(lambda: send(cluster, chosen))
        bronze = measured(lambda: ingest(spark, settings, cluster))
        silver = measured(lambda: refine(spark, settings))
        files, stored = on_disk(settings)
    return Load(len(chosen), partitions, len(chosen) * count, sending, bronze, silver, files, stored)


def on_disk(settings: Settings) -> tuple[int, int]:
    """Data files and bytes of bronze and silver."""
    lake = Lakehouse(settings.root)
    found = [
        read_snapshot(lake, table)
        for layer in ("bronze", "silver")
        for table in layer_tables(layer)
        if lake.exists(table)
    ]
    return sum(one.files or 0 for one in found), sum(one.size or 0 for one in found)


def header() -> str:
    columns = "".join(f"{name:>9}" for name in ("sent", "bronze", "silver") * 2)
    return (
        f"{'':32}{'seconds per million':>27}{'CPU s per million':>27}{'':>8}{'bytes per':>11}\n"
        f"{'producers':>10}{'partitions':>12}{'messages':>10}{columns}{'files':>8}{'message':>11}"
    )


def line(found: Load) -> str:
    stages = (found.sending, found.bronze, found.silver)
    figures = [stage.seconds for stage in stages] + [stage.cpu_seconds for stage in stages]
    columns = "".join(f"{figure / found.messages * 1e6:9.0f}" for figure in figures)
    return (
        f"{found.producers:10}{found.partitions:12}{found.messages:10,}{columns}"
        f"{found.files:8}{found.stored_bytes / found.messages:11.0f}"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--messages", type=int, default=1_000, help="of each producer")
    args = parser.parse_args()
    use_streams_jvm()
    loads = []
    with tempfile.TemporaryDirectory() as folder, spark_session("scale", log_file=Path(folder, "log")) as spark:
        load(spark, Path(folder, "warm-up"), groups=1, count=WARM_UP)
        print(header(), flush=True)
        for groups in (1, 10):
            loads.append(load(spark, Path(folder, str(groups)), groups=groups, count=args.messages))
            print(line(loads[-1]), flush=True)
    write_results("scale", [each._asdict() for each in loads])


if __name__ == "__main__":
    main()
