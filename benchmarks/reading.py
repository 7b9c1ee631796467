"""The cost of reading Parquet in small steps, which large records need to fit in memory.

    python benchmarks/reading.py --records 1000000 --runs 5

Reads every column of that many small bronze records, with the shipped columnarReaderBatchSize and, as the
reference, with Spark's default of 4,096, in alternating runs. Prints the medians with the minimum and maximum of
the runs, and writes build/benchmarks/reading.json.
"""

import argparse
import statistics
import time
from pathlib import Path
from typing import Any

from pyspark.sql import SparkSession
from pyspark.sql import functions as F
from results import run_alone

from lakehouse.spark.lakehouse import SparkLakehouse
from lakehouse.spark.sql import setting
from lakehouse.tables import BRONZE_EVENTS

BATCH_SIZE = "spark.sql.parquet.columnarReaderBatchSize"
SPARKS_OWN = "4096"


def write(lake: SparkLakehouse, count: int) -> None:
    """Write records of about 200 characters that compress little, in one file per core."""
    lake.ensure(BRONZE_EVENTS)
    records = lake.spark.range(count).select(
        F.lit("users").alias("topic"),
        (F.col("id") % 3).cast("int").alias("partition"),
        F.col("id").alias("offset"),
        F.timestamp_seconds(F.lit(1_747_137_600) + F.col("id") % 86_400).alias("kafka_timestamp"),
        F.col("id").cast("string").alias("key"),
        F.concat(F.sha2(F.col("id").cast("string"), 512), F.sha2(F.hex("id"), 256)).alias("value"),
        F.current_timestamp().alias("ingested_at"),
    )
    empty = lake.read(BRONZE_EVENTS)
    lake.append(empty.unionByName(records, allowMissingColumns=True), BRONZE_EVENTS)


def seconds(lake: SparkLakehouse, batch_size: str) -> float:
    """The time of a query that needs every value of every column."""
    with setting(lake.spark, BATCH_SIZE, batch_size):
        started = time.monotonic()
        lake.read(BRONZE_EVENTS).select(F.sum(F.xxhash64("*") % 1000)).collect()
        return time.monotonic() - started


def measure(spark: SparkSession, options: argparse.Namespace, folder: str) -> dict[str, Any]:
    root = str(Path(folder, "lakehouse"))
    lake = SparkLakehouse(root, spark)
    write(lake, options.records)
    shipped = str(spark.conf.get(BATCH_SIZE))
    taken: dict[str, list[float]] = {SPARKS_OWN: [], shipped: []}
    for run in range(options.runs + 1):
        for batch_size, times in taken.items():
            measured = seconds(lake, batch_size)
            if run:  # the first one warms up
                times.append(measured)
    return {"records": options.records, "seconds": taken}


def show(found: dict[str, Any]) -> None:
    title = f"{found['records']:,} records, rows at once"
    print(f"{title:35}{'median':>10}{'min':>9}{'max':>9}{'ratio':>9}")
    reference = statistics.median(found["seconds"][SPARKS_OWN])
    for batch_size, times in found["seconds"].items():
        median = statistics.median(times)
        label = f"{batch_size} (Spark's)" if batch_size == SPARKS_OWN else f"{batch_size} (shipped)"
        print(f"{label:35}{median:10.2f}{min(times):9.2f}{max(times):9.2f}{median / reference:9.2f}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--records", type=int, default=1_000_000)
    parser.add_argument("--runs", type=int, default=5)
    run_alone("reading", parser.parse_args(), measure, show)


if __name__ == "__main__":
    main()
