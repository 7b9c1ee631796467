"""Rows per second of both streams, compared with the least that Spark can do with the same rows.

    python benchmarks/streams.py --messages 1000000 --runs 3
    python benchmarks/streams.py --layers bronze

A real broker holds the messages: the producers' users, movies and series, in three topics of three partitions.
Bronze is compared with the same Kafka source into Spark's `noop` sink and into plain Parquet files. Silver is
timed on a first load, and on a load of as many messages of which half are updates, compared with the same bronze
rows parsed with `from_json` into `noop`. Everything runs in one JVM, in alternating order, after a warm-up round.
Prints medians, and writes build/benchmarks/streams.json.
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

from messages import TIME, broker_with_topics, messages, send
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
    ("silver, first load", "silver, first load: from_json into noop", " (goal 0.7)"),
    ("silver, half updates", "silver, half updates: from_json into noop", " (goal 0.7)"),
)
WIRE = (
    "id string, type string, timestamp string, nombre_usuario string, titulo string, fecha_suscripcion string, "
    "generos array<string>, directores array<string>, actores array<string>, clasificacion string, "
    "decadas_favoritas array<string>, decada_lanzamiento string, numero_temporadas int, numero_episodios int"
)
LAYERS = ("bronze", "silver")
Work = Callable[[], None]
Seconds = dict[str, list[float]]


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
            spark, cluster, settings.kafka.catalogue_topics, settings.bronze, starting_offsets="earliest"
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

    def parsed(root: Path, version: int) -> DataFrame:
        reader = spark.readStream.format("delta").option("startingVersion", version)
        rows = reader.option("maxBytesPerTrigger", settings.silver.max_bytes_per_trigger)
        stream = rows.load(BRONZE_EVENTS.path(str(root)))
        return stream.select(F.from_json("value", WIRE).alias("wire")).select("wire.*")

    return {
        "silver, first load": first_load,
        "silver, half updates": updates,
        "silver, first load: from_json into noop": lambda: drain(parsed(first, 0), "noop", folders.new()),
        "silver, half updates: from_json into noop": lambda: drain(
            parsed(second, ends + 1), "noop", folders.new()
        ),
    }


def at(settings: Settings, root: Path) -> Settings:
    return settings.model_copy(update={"root": str(root)})


def link(source: Path, target: Path) -> None:
    shutil.copytree(source, target, copy_function=os.link)


def rounds(works: dict[str, Work], runs: int) -> Iterator[tuple[str, float]]:
    """Seconds of each run, alternating forwards and backwards; dependent works keep their order."""
    for number in range(runs + 1):
        names = list(works)
        if number % 2:  # the second of two silver loads needs the first one before it
            names = [name for name in names if ":" in name] + [name for name in names if ":" not in name]
        for name in names:
            started = time.monotonic()
            works[name]()
            if number:
                yield name, time.monotonic() - started


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
    medians = {name: statistics.median(values) for name, values in seconds.items()}
    print(f"{f'{count:,} messages of {size:.0f} bytes':44}{'s':>8}{'min':>8}{'max':>8}{'rows/s':>10}")
    for name, median in medians.items():
        values = seconds[name]
        print(f"{name:44}{median:8.2f}{min(values):8.2f}{max(values):8.2f}{count / median:10,.0f}")
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
