"""The cost per micro-batch of recording unknown fields with topic, type and first time.

    python benchmarks/drift.py --rows 200000 --runs 7

Every row has two unknown fields, far more than a real batch. The reference, in the same run and in alternating
order, is the query that counts each field alone, as silver did before. Prints the medians with the minimum and
maximum of the runs, and writes build/benchmarks/drift.json.
"""

import argparse
import statistics
import time
from collections.abc import Callable
from pathlib import Path

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F
from results import write_results

from lakehouse.spark.session import spark_session
from silver import rows
from silver.parsing.wire import parse

_VALUE = '{"id":"%1$s","type":"movie","timestamp":"2025-05-13T12:00Z","titulo":"T %1$s","pais":"MX","premio":%1$s}'


def records(spark: SparkSession, count: int) -> DataFrame:
    """Parsed records of three topics, computed once, like the rows of a batch."""
    number = F.col("id").cast("string")
    bronze = spark.range(count).select(
        F.concat(F.lit("topic"), (F.col("id") % 3).cast("string")).alias("topic"),
        F.timestamp_seconds(F.lit(1_747_137_600) + F.col("id") % 86_400).alias("kafka_timestamp"),
        F.format_string(_VALUE, number).alias("value"),
        F.lit(None).cast("binary").alias("value_raw"),
        number.alias("key"),
        F.lit(None).cast("binary").alias("key_raw"),
    )
    return parse(bronze).select("topic", "type", "kafka_timestamp", "unknown_fields").localCheckpoint()


def before(parsed: DataFrame) -> DataFrame:
    seen = parsed.select(F.explode("unknown_fields").alias("unknown"))
    counted = seen.groupBy(F.col("unknown.field").alias("field"))
    return counted.agg(F.count("*").alias("rows"), F.min("unknown.sample").alias("sample")).orderBy("field")


def seconds(query: Callable[[DataFrame], DataFrame], parsed: DataFrame) -> float:
    started = time.monotonic()
    query(parsed).collect()
    return time.monotonic() - started


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=200_000)
    parser.add_argument("--runs", type=int, default=7)
    args = parser.parse_args()
    queries = {"field alone (reference)": before, "topic, type, field, first time": rows.unknown_fields}
    taken: dict[str, list[float]] = {name: [] for name in queries}
    with spark_session("benchmark drift", log_file=Path("build/benchmarks/spark.log")) as spark:
        parsed = records(spark, args.rows)
        for run in range(args.runs + 1):
            for name in sorted(queries, reverse=bool(run % 2)):
                took = seconds(queries[name], parsed)
                if run:  # the first compiles
                    taken[name].append(took)
    print(f"{'one pass over ' + format(args.rows, ',') + ' records':40}{'median':>9}{'min':>9}{'max':>9}")
    for name, values in taken.items():
        print(f"{name:40}{statistics.median(values):8.2f}s{min(values):8.2f}s{max(values):8.2f}s")
    write_results("drift", {"rows": args.rows, "seconds": taken})


if __name__ == "__main__":
    main()
