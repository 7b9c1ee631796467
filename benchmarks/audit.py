"""How long `lakehouse audit` takes on 10 million bronze rows, next to naive counting.

    python benchmarks/audit.py --rows 10000000 --runs 3

A real broker holds that many tiny records (from Kafka's own performance producer). Spark writes bronze, silver,
silver.batches and bronze's checkpoints to match, with short values: neither side reads any value. The reference
counts bronze, counts its distinct (topic, partition, offset), and finds silver rows that are not in bronze with an
anti join in Spark. Both alternate, measured in wall-clock time and in processor time of this process and its
JVM; the command then runs once as its own process, which starts no JVM. Writes build/benchmarks/audit.json.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from functools import reduce
from pathlib import Path
from typing import NamedTuple

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F
from results import write_results

from lakehouse.broker.config import java_command
from lakehouse.broker.embedded import kafka_cluster
from lakehouse.exports import write_file
from lakehouse.kafka.client import Cluster
from lakehouse.kafka.topics import OffsetRanges, end_offsets, ensure_topics
from lakehouse.settings import Settings, load_settings
from lakehouse.spark.lakehouse import SparkLakehouse
from lakehouse.spark.session import spark_session
from lakehouse.tables import (
    BRONZE_EVENTS,
    BRONZE_FEEDBACK,
    SILVER_BATCHES,
    SILVER_CONTENT,
    SILVER_FEEDBACK,
    SILVER_QUARANTINE,
    SILVER_USERS,
    Table,
    layer_tables,
)
from operations.commands.audit import audit

GOAL_SECONDS = 60
KEY = ("topic", "partition", "offset")
# One record in a hundred is quarantined; one in ten of a user's or title's events is the latest.
REJECTED, LATEST = "`offset` % 100 = 1", "`offset` % 10 = 0"


class Kind(NamedTuple):
    """One topic: its share of all records, and the silver table and condition of the rows that result."""

    share: float
    table: Table
    kept: str


def kinds(settings: Settings) -> dict[str, Kind]:
    kafka = settings.kafka
    return {
        kafka.users_topic: Kind(0.1, SILVER_USERS, LATEST),
        kafka.movies_topic: Kind(0.07, SILVER_CONTENT, LATEST),
        kafka.series_topic: Kind(0.03, SILVER_CONTENT, LATEST),
        kafka.feedback_topic: Kind(0.8, SILVER_FEEDBACK, f"NOT ({REJECTED})"),
    }


def send(cluster: Cluster, folder: Path, topic: str, count: int) -> None:
    # the broker's logging configuration, which its command names, exists only in the broker's folder
    command = java_command("org.apache.kafka.tools.ProducerPerformance", "--topic", topic)
    command += ["--num-records", str(count), "--record-size", "10", "--throughput", "-1"]
    command += ["--bootstrap-server", cluster.bootstrap]
    subprocess.run(command, cwd=folder, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def records(spark: SparkSession, offsets: OffsetRanges) -> DataFrame:
    """One row per Kafka record: its key columns."""
    parts = [
        spark.range(first, following).select(
            F.lit(topic).alias("topic"), F.lit(partition).alias("partition"), F.col("id").alias("offset")
        )
        for (topic, partition), (first, following) in sorted(offsets.items())
    ]
    return reduce(DataFrame.unionByName, parts)


def shaped(rows: DataFrame, table: Table) -> DataFrame:
    """The rows with all other columns of the table, filled with arbitrary values."""
    given = {
        "id": F.concat_ws("-", *KEY),
        "key": F.col("offset").cast("string"),
        "value": F.lit("{}"),
        "action": F.lit("like"),
        "status": F.lit("open"),
        "reasons": F.expr("array(named_struct('rule', 'id_missing', 'field', 'id', 'value', string(null)))"),
        "type": F.lit("movie"),
        **{name: F.col(name) for name in KEY},
    }
    fillers = {"string": F.lit("x"), "timestamp": F.lit("2025-05-13 12:00:00"), "array<string>": F.array()}
    columns = []
    for field in table.schema:
        kind = field.dataType.simpleString()
        filler = F.lit(None) if field.nullable else fillers.get(kind, F.lit(None))
        columns.append(given.get(field.name, filler).cast(field.dataType).alias(field.name))
    return rows.select(*columns)


def write_tables(spark: SparkSession, settings: Settings, offsets: OffsetRanges) -> None:
    """Write bronze with every record, silver with the results, and one batch that records them."""
    lake = SparkLakehouse(settings.root, spark)
    for table in (*layer_tables("bronze"), *layer_tables("silver")):
        lake.ensure(table)
    rejected = records(spark, offsets).filter(REJECTED)
    lake.append(shaped(rejected, SILVER_QUARANTINE), SILVER_QUARANTINE)
    for topic, kind in kinds(settings).items():
        rows = records(spark, {part: ends for part, ends in offsets.items() if part[0] == topic})
        bronze = bronze_table(settings, topic)
        lake.append(shaped(rows, bronze), bronze)
        lake.append(shaped(rows.filter(kind.kept), kind.table), kind.table)
    entities = (SILVER_USERS, SILVER_CONTENT, SILVER_FEEDBACK)
    applied = sum(lake.read(table).count() for table in entities)
    quarantined = lake.read(SILVER_QUARANTINE).count()
    rows_in = sum(following for _, following in offsets.values())
    taken = [(*part, 0, following - 1, following) for part, (_, following) in sorted(offsets.items())]
    counts = (rows_in, applied, rows_in - applied - quarantined, 0, quarantined)
    batch = spark.createDataFrame([("benchmark", 0, *counts, taken)], SILVER_BATCHES.schema[:8])
    row = batch.withColumn("finished_at", F.current_timestamp()).withColumn("unknown_fields", F.array())
    for name in ("bronze_versions", "silver_versions"):
        row = row.withColumn(name, F.create_map().cast("map<string,bigint>"))
    fields = SILVER_BATCHES.schema["unknown_fields"].dataType
    row = row.withColumn("unknown_fields", F.col("unknown_fields").cast(fields))
    lake.append(row, SILVER_BATCHES)


def bronze_table(settings: Settings, topic: str) -> Table:
    return BRONZE_FEEDBACK if topic == settings.kafka.feedback_topic else BRONZE_EVENTS


def write_checkpoints(lake: SparkLakehouse, settings: Settings, offsets: OffsetRanges) -> None:
    """Write what bronze's streams would store after one batch that read everything."""
    for table in layer_tables("bronze"):
        path = lake.checkpoint_path(f"bronze/{table.name}")
        ends: dict[str, dict[str, int]] = {}
        for (topic, partition), (_, following) in offsets.items():
            if bronze_table(settings, topic) == table:
                ends.setdefault(topic, {})[str(partition)] = following
        write_file(f"{path}/metadata", json.dumps({"id": table.name}).encode())
        write_file(f"{path}/offsets/0", f"v1\n{{}}\n{json.dumps(ends)}".encode())
        write_file(f"{path}/commits/0", b"v1\n{}")


def count_naively(lake: SparkLakehouse) -> None:
    """The same checks on whole tables: rows, distinct records, and silver rows without a record."""
    bronze = [lake.read(table).select(*KEY) for table in layer_tables("bronze")]
    held = reduce(DataFrame.unionByName, bronze)
    refined = (SILVER_USERS, SILVER_CONTENT, SILVER_FEEDBACK, SILVER_QUARANTINE)
    silver = [lake.read(table).select(*KEY) for table in refined]
    # these keys are regular and compress well: Spark would broadcast them, and run out of memory
    strangers = (
        reduce(DataFrame.unionByName, silver).join(held.hint("merge"), on=list(KEY), how="left_anti").count()
    )
    if (held.count(), strangers) != (held.distinct().count(), 0):
        sys.exit("the tables of this benchmark do not add up")


def audit_whole(settings: Settings, cluster: Cluster, rows: int) -> None:
    partitions, _, faults = audit(settings, cluster)
    if faults or sum(found.bronze for found in partitions) != rows:
        sys.exit(f"the audit of this benchmark finds: {faults}")


def processor_seconds(spark: SparkSession) -> float:
    """Processor time of this process and its JVM: more reliable than the clock on a busy machine."""
    jvm = spark.sparkContext._jvm
    assert jvm is not None  # noqa: S101 - a classic session has a JVM
    spent = jvm.java.lang.ProcessHandle.current().info().totalCpuDuration().get().toMillis()
    return float(spent) / 1000 + time.process_time()


def measure(settings: Settings, *, rows: int, runs: int) -> dict[str, list[float]]:
    """Seconds of each run, by what ran."""
    with kafka_cluster(settings.kafka, settings.root) as cluster:
        ensure_topics(cluster, settings.kafka.topics, **settings.kafka.new_topics)
        for topic, kind in kinds(settings).items():
            send(cluster, Path(settings.root) / "kafka", topic, round(rows * kind.share))
        offsets = end_offsets(cluster, settings.kafka.topics, timeout_seconds=60)
        seconds: dict[str, list[float]] = {}
        works: dict[str, Callable[[SparkSession], None]] = {
            "lakehouse audit": lambda _: audit_whole(settings, cluster, rows),
            "naive counting": lambda spark: count_naively(SparkLakehouse(settings.root, spark)),
        }
        with spark_session("benchmark", log_file=settings.ops_dir / "spark.log") as spark:
            write_tables(spark, settings, offsets)
            write_checkpoints(SparkLakehouse(settings.root, spark), settings, offsets)
            for _ in range(runs):
                for name, work in works.items():
                    started, used = time.monotonic(), processor_seconds(spark)
                    work(spark)
                    seconds.setdefault(name, []).append(time.monotonic() - started)
                    seconds.setdefault(f"{name}: processor", []).append(processor_seconds(spark) - used)
        started = time.monotonic()
        command = [str(Path(sys.executable).parent / "lakehouse"), "audit", "--json"]
        variables = {"LAKEHOUSE_ROOT": settings.root, "LAKEHOUSE_KAFKA__BOOTSTRAP_SERVERS": cluster.bootstrap}
        subprocess.run(command, env={**os.environ, **variables}, check=True, stdout=subprocess.DEVNULL)
        return {**seconds, "the command": [time.monotonic() - started]}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=10_000_000)
    parser.add_argument("--runs", type=int, default=3)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as root:
        base = load_settings()
        kafka = base.kafka.model_copy(update={"bootstrap_servers": "", "embedded_port": 0})
        settings = base.model_copy(update={"root": root, "kafka": kafka})
        seconds = measure(settings, rows=args.rows, runs=args.runs)
    print(f"{args.rows:,} bronze rows{'':25}{'median':>9}{'min':>9}{'max':>9}")
    for name, values in seconds.items():
        shown = (statistics.median(values), min(values), max(values))
        print(f"{name + ' (s)':45}" + "".join(f"{value:9.1f}" for value in shown))
    print(f"goal: the audit in seconds, at most {GOAL_SECONDS}")
    write_results("audit", {"rows": args.rows, "seconds": seconds})


if __name__ == "__main__":
    main()
