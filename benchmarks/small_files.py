"""The live files of each table after many small micro-batches, with and without Delta's auto-compaction.

    python benchmarks/small_files.py --batches 500 --messages 90

A real broker holds `--batches` times `--messages` messages, in three topics of three partitions. Bronze takes them
in as many micro-batches as that, silver in one per file of bronze; in one JVM, first with auto-compaction
and then without: what the JVM has still to compile is at the expense of the former. Prints for each table its
commits and live files, and for each stream the seconds and the processor time, and writes
build/benchmarks/small_files.json.
"""

import argparse
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from messages import broker_with_topics, send
from process_tree import Usage
from pyspark.sql import SparkSession
from results import write_results
from stream_runs import use_streams_jvm

from bronze.ingest import ingest
from lakehouse import storage
from lakehouse.kafka_client import Cluster
from lakehouse.session import spark_session
from lakehouse.settings import Settings
from lakehouse.tables import BRONZE_EVENTS, SILVER_BATCHES, SILVER_CONTENT, SILVER_USERS
from silver.refine import refine

TABLES = (BRONZE_EVENTS, SILVER_USERS, SILVER_CONTENT, SILVER_BATCHES)
AUTO_COMPACT = "spark.databricks.delta.autoCompact.enabled"


class Cost(NamedTuple):
    seconds: float
    cpu_seconds: float


class Found(NamedTuple):
    """Of one run: what each stream cost, and the commits and live files of each table."""

    costs: dict[str, Cost]
    files: dict[str, tuple[int, int]]


def run(spark: SparkSession, settings: Settings, cluster: Cluster, *, batches: int, messages: int) -> Found:
    """Both streams on a new root: one micro-batch of a few messages, and then as many more of them.

    A stream of silver that starts now reads bronze as it is, in few large files: it has to start first, and then
    follows bronze commit by commit.
    """
    limited = settings.bronze.model_copy(update={"max_offsets_per_trigger": messages})
    one_file = settings.silver.model_copy(update={"max_bytes_per_trigger": "1b"})
    settings = settings.model_copy(update={"bronze": limited, "silver": one_file})
    send(spark, cluster, settings, first=0, count=messages)
    ingest(spark, settings, cluster)
    refine(spark, settings)
    send(spark, cluster, settings, first=messages, count=(batches - 1) * messages)
    costs = {
        "bronze": measured(lambda: ingest(spark, settings, cluster)),
        "silver": measured(lambda: refine(spark, settings)),
    }
    files = {
        table.sql_name: (
            storage.latest_version(spark, settings.root, table),
            storage.detail(spark, settings.root, table).files,
        )
        for table in TABLES
    }
    return Found(costs, files)


def measured(work: Callable[[], None]) -> Cost:
    started = time.monotonic()
    with Usage() as usage:
        work()
    return Cost(time.monotonic() - started, usage.cpu_seconds)


def show(found: dict[str, Found]) -> None:
    sides = [found["with"], found["without"]]
    print(f"{'':24}{'auto-compaction':>22}{'without':>22}")
    print(f"{'live files':24}" + f"{'commits':>12}{'files':>10}" * 2)
    for table in TABLES:
        cells = [side.files[table.sql_name] for side in sides]
        print(f"{table.sql_name:24}" + "".join(f"{commits:12,}{files:10,}" for commits, files in cells))
    print(f"{'time':24}" + f"{'s':>12}{'CPU s':>10}" * 2)
    for stream in ("bronze", "silver"):
        costs = [side.costs[stream] for side in sides]
        ratio = costs[0].cpu_seconds / costs[1].cpu_seconds
        cells = "".join(f"{cost.seconds:12.1f}{cost.cpu_seconds:10.1f}" for cost in costs)
        print(f"{stream:24}{cells}   CPU {ratio:.2f} times (goal 1.1)")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--batches", type=int, default=500)
    parser.add_argument("--messages", type=int, default=90, help="of one micro-batch")
    args = parser.parse_args()
    use_streams_jvm()
    found = {}
    with tempfile.TemporaryDirectory() as folder:
        base = Path(folder)
        with spark_session("benchmark", log_file=base / "spark.log") as spark:
            for name, compact in (("with", "true"), ("without", "false")):
                spark.conf.set(AUTO_COMPACT, compact)
                with broker_with_topics(base / name) as (settings, cluster):
                    found[name] = run(spark, settings, cluster, batches=args.batches, messages=args.messages)
    show(found)
    write_results("small_files", {name: each._asdict() for name, each in found.items()})


if __name__ == "__main__":
    main()
