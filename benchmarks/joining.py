"""Joining the small files of a stream: in process, and by Spark's OPTIMIZE, alternating on the same rows.

    python benchmarks/joining.py --files 50 --rows 1500 --rounds 3

Two bronze tables get the same files of so many records of 400 bytes. One is joined by delta-rs, as the streams do
on one machine, the other by Spark, as `lakehouse maintain` does. Prints the seconds, and the processor seconds of
this process and its JVM, of the first round, which also loads code, and of the others. Both tables must then have
the same rows. Writes build/benchmarks/joining.json.
"""

import argparse
import json
import os
import statistics
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pyarrow as pa
from process_tree import cpu_seconds
from pyspark.sql import SparkSession
from results import run_alone

from lakehouse import compaction
from lakehouse.arrow import arrow_schema
from lakehouse.lakehouse import Lakehouse
from lakehouse.spark.lakehouse import SparkLakehouse
from lakehouse.tables import BRONZE_EVENTS

WAYS = ("in process", "by Spark")


def records(first: int, count: int) -> pa.Table:
    """Bronze rows of some 400 bytes, each another."""
    now = datetime.now(UTC)
    rows = [
        {
            "topic": "users",
            "partition": 0,
            "offset": number,
            "kafka_timestamp": now,
            "key": f"u{number}",
            "value": json.dumps({"id": f"u{number}", "nombre": os.urandom(140).hex(), "pais": "MX"}),
            "ingested_at": now,
        }
        for number in range(first, first + count)
    ]
    return pa.Table.from_pylist(rows, schema=arrow_schema(BRONZE_EVENTS))


def measure(spark: SparkSession, options: argparse.Namespace, folder: str) -> dict[str, Any]:
    compaction.MOST_FILES = options.files
    lakes = {way: Lakehouse(f"{folder}/{way}") for way in WAYS}
    optimized = SparkLakehouse(lakes["by Spark"].root, spark)

    def in_process() -> None:
        lake = lakes["in process"]
        if not compaction.join_small_files(lake, BRONZE_EVENTS, lake.delta(BRONZE_EVENTS)):
            sys.exit("nothing was joined")

    def by_spark() -> None:
        optimized.delta_table(BRONZE_EVENTS).optimize().executeCompaction()

    found: dict[str, list[tuple[float, float]]] = {way: [] for way in WAYS}
    for number in range(options.rounds * options.files):
        rows = records(number * options.rows, options.rows)
        for lake in lakes.values():
            lake.append(BRONZE_EVENTS, rows)
        if (number + 1) % options.files == 0:
            for way, join in zip(WAYS, (in_process, by_spark), strict=True):
                found[way].append(timed(join))
    for way, lake in lakes.items():
        offsets = lake.read(BRONZE_EVENTS, columns=["offset"])["offset"].to_pylist()
        if sorted(offsets) != [*range(options.rounds * options.files * options.rows)]:
            sys.exit(f"{way}: other rows")
    return {"files": options.files, "rows": options.rows, "rounds": found}


def timed(join: Callable[[], None]) -> tuple[float, float]:
    began, used = time.perf_counter(), cpu_seconds(os.getpid())
    join()
    return time.perf_counter() - began, cpu_seconds(os.getpid()) - used


def show(found: dict[str, Any]) -> None:
    print(f"{found['files']} files of {found['rows']:,} records: first round, and the median of the others")
    print(f"{'':12}{'first s':>9}{'CPU s':>9}{'s':>9}{'CPU s':>9}")
    for way, rounds in found["rounds"].items():
        first, *others = rounds
        medians = [statistics.median(values) for values in zip(*(others or [first]), strict=True)]
        print(f"{way:12}" + "".join(f"{value:9.2f}" for value in (*first, *medians)))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--files", type=int, default=50)
    parser.add_argument("--rows", type=int, default=1500, help="of one file")
    parser.add_argument("--rounds", type=int, default=3)
    run_alone("joining", parser.parse_args(), measure, show)


if __name__ == "__main__":
    main()
