"""Rows per second of both streams, compared with the least that Spark can do with the same rows.

    python benchmarks/streams.py --messages 1000000 --runs 3
    python benchmarks/streams.py --layers bronze

A real broker holds the messages: the producers' users, movies and series, in three topics of three partitions.
Bronze is compared with the same Kafka source into Spark's `noop` sink and into plain Parquet files. Silver is
timed on a first load, and on a load of as many messages of which half are updates. It is compared with the same
bronze rows parsed with `from_json` into `noop`, and with what one would write instead (plain_silver.py): a window
for the latest event of each id and a MERGE into each table, without rules. Everything runs in one JVM, in
alternating order, after a warm-up round. Prints medians with the processor seconds, and writes
build/benchmarks/streams.json.
"""

import argparse
import os
import shutil
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import plain_silver
from messages import TIME, broker_with_topics, messages, send
from process_tree import Usage
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F
from results import write_results
from stream_runs import use_streams_jvm

from bronze.ingest import ingest, read_kafka
from lakehouse.kafka.client import Cluster
from lakehouse.settings import Settings
from lakehouse.spark.lakehouse import SparkLakehouse
from lakehouse.spark.session import spark_session
from lakehouse.tables import BRONZE_EVENTS, SILVER_CONTENT, SILVER_USERS
from silver.refine import refine

LATER = "2025-07-01T00:00:00.000Z"
# Each ratio's numerator and denominator, and its goal.
REFERENCES = (
    ("bronze", "bronze: Parquet files", " (goal 0.9)"),
    ("bronze", "bronze: noop", ""),
    ("silver, first load", "silver, first load: from_json into noop", ""),
    ("silver, half updates", "silver, half updates: from_json into noop", ""),
    ("silver, first load", "silver, first load: plain MERGE", " (goal 1.0)"),
    ("silver, half updates", "silver, half updates: plain MERGE", " (goal 1.0)"),
)
LAYERS = ("bronze", "silver")
Work = Callable[[], None]
# The seconds and processor seconds of each run.
Seconds = dict[str, list[tuple[float, float]]]


class Folders:
    """A new folder for each timed run, so that none finds the files of another."""

    def __init__(self, base: Path) -> None:
        self._base, self._made = base, 0

    def new(self) -> Path:
        self._made += 1
        return self._base / f"run{self._made}"


def drain(rows: DataFrame, kind: str, folder: Path) -> None:
    """Run the stream into a sink until it has read everything."""
    writer = rows.writeStream.format(kind).outputMode("append").trigger(availableNow=True)
    writer = writer.option("checkpointLocation", str(folder / "checkpoint")).option("path", str(folder / "rows"))
    writer.start().awaitTermination()


def bronze_works(spark: SparkSession, settings: Settings, cluster: Cluster, folders: Folders) -> dict[str, Work]:
    def source() -> DataFrame:
        return read_kafka(
            spark, cluster, settings.kafka.events_topics, settings.bronze, starting_offsets="earliest"
        )

    def product() -> None:
        ingest(spark, at(settings, folders.new()), cluster)

    return {
        "bronze": product,
        "bronze: Parquet files": lambda: drain(source(), "parquet", folders.new()),
        "bronze: noop": lambda: drain(source(), "noop", folders.new()),
    }


def silver_works(
    spark: SparkSession, settings: Settings, first: Path, second: Path, folders: Folders
) -> dict[str, Work]:
    """Both loads, on a root of their own each time; the bronze tables are linked, not copied."""
    ends = SparkLakehouse(str(first), spark).version(BRONZE_EVENTS)
    loaded: list[Path] = []
    merged: list[Path] = []

    def first_load() -> None:
        root = folders.new()
        link(first / "bronze", root / "bronze")
        refine(spark, at(settings, root))
        loaded.append(root)

    def updates() -> None:
        root = loaded[-1]
        shutil.rmtree(root / "bronze")
        link(second / "bronze", root / "bronze")
        refine(spark, at(settings, root))

    def bronze(root: Path, version: int) -> DataFrame:
        limit = settings.silver.max_bytes_per_trigger
        return plain_silver.read_bronze(spark, root, version=version, max_bytes_per_trigger=limit)

    def parsed(root: Path, version: int) -> DataFrame:
        wire = F.from_json("value", plain_silver.WIRE).alias("wire")
        return bronze(root, version).select(wire).select("wire.*")

    def first_merge() -> None:
        merged.append(folders.new())
        plain_silver.load(bronze(first, 0), merged[-1], checkpoint=merged[-1] / "first")

    def second_merge() -> None:
        plain_silver.load(bronze(second, ends + 1), merged[-1], checkpoint=merged[-1] / "second")

    return {
        "silver, first load": first_load,
        "silver, half updates": updates,
        "silver, first load: from_json into noop": lambda: drain(parsed(first, 0), "noop", folders.new()),
        "silver, half updates: from_json into noop": lambda: drain(
            parsed(second, ends + 1), "noop", folders.new()
        ),
        "silver, first load: plain MERGE": first_merge,
        "silver, half updates: plain MERGE": second_merge,
    }


def at(settings: Settings, root: Path) -> Settings:
    return settings.model_copy(update={"root": str(root)})


def link(source: Path, target: Path) -> None:
    shutil.copytree(source, target, copy_function=os.link)


def rounds(works: dict[str, Work], runs: int) -> Iterator[tuple[str, tuple[float, float]]]:
    """The figures of each run, alternating forwards and backwards; dependent works keep their order."""
    for number in range(runs + 1):
        names = list(works)
        if number % 2:  # the second of two silver loads needs the first one before it
            names = [name for name in names if ":" in name] + [name for name in names if ":" not in name]
        for name in names:
            with Usage() as usage:
                started = time.monotonic()
                works[name]()
                took = time.monotonic() - started
            if number:
                yield name, (took, usage.cpu_seconds)


def measure(base: Path, *, count: int, runs: int, layers: Sequence[str]) -> tuple[float, Seconds]:
    """The mean message size in bytes, and the seconds of each run."""
    seconds: Seconds = {}
    with (
        broker_with_topics(base / "broker") as (settings, cluster),
        spark_session("benchmark", log_file=base / "spark.log") as spark,
    ):
        sample = messages(spark, settings, first=0, count=10_000, timestamp=TIME)
        size = float(sample.agg(F.avg(F.octet_length("value"))).collect()[0][0])
        send(spark, cluster, settings, first=0, count=count)
        folders, first, second = Folders(base), base / "first", base / "second"
        if "bronze" in layers:
            for name, took in rounds(bronze_works(spark, settings, cluster, folders), runs):
                seconds.setdefault(name, []).append(took)
        if "silver" not in layers:
            return size, seconds
        ingest(spark, at(settings, first), cluster)
        shutil.copytree(first, second)
        send(spark, cluster, settings, first=count // 2, count=count, timestamp=LATER)
        ingest(spark, at(settings, second), cluster)
        for name, took in rounds(silver_works(spark, settings, first, second, folders), runs):
            seconds.setdefault(name, []).append(took)
        check(spark, base, count=count)
    return size, seconds


def check(spark: SparkSession, base: Path, *, count: int) -> None:
    """Check that silver holds each id once after both loads: what was timed did the work."""
    roots = [path for path in base.glob("run*") if (path / "silver" / "batches").exists()]
    for root in roots:
        held = sum(
            SparkLakehouse(str(root), spark).read(table).count() for table in (SILVER_USERS, SILVER_CONTENT)
        )
        if held != count + count // 2:
            sys.exit(f"{root} holds {held:,} rows instead of {count + count // 2:,}")


def show(count: int, size: float, seconds: Seconds) -> None:
    medians = {name: statistics.median(took for took, _ in runs) for name, runs in seconds.items()}
    print(f"{f'{count:,} messages of {size:.0f} bytes':44}{'s':>8}{'min':>8}{'max':>8}{'rows/s':>10}{'CPU s':>8}")
    for name, median in medians.items():
        values, used = zip(*seconds[name], strict=True)
        rate, processor = f"{count / median:10,.0f}", f"{statistics.median(used):8.1f}"
        print(f"{name:44}{median:8.2f}{min(values):8.2f}{max(values):8.2f}{rate}{processor}")
    for name, reference, goal in REFERENCES:
        if name not in medians:
            continue
        print(f"{name}, part of {reference}: {medians[reference] / medians[name]:.2f}{goal}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--messages", type=int, default=1_000_000)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--layers", nargs="+", choices=LAYERS, default=LAYERS)
    args = parser.parse_args()
    use_streams_jvm()
    with tempfile.TemporaryDirectory() as base:
        size, seconds = measure(Path(base), count=args.messages, runs=args.runs, layers=args.layers)
    show(args.messages, size, seconds)
    found = {"messages": args.messages, "bytes": size, "seconds": seconds}
    write_results("streams", found)


if __name__ == "__main__":
    main()
