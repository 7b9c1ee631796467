"""Bronze compared with a consumer without Spark: confluent-kafka reads, delta-rs writes, into the same table.

    pip install confluent-kafka==2.16.1
    python benchmarks/consumers.py --messages 1000000 --runs 3

In alternating runs, both read the same messages from the same broker (users, movies and series in three topics of
three partitions) into a Delta table with the columns of bronze.events, at most 500,000 per commit. The consumer
reads committed records only, keeps bytes that are not valid UTF-8, and stores the next offset of each partition in
the commit itself, as application transactions, so it is exactly-once too: it starts where the table says. The rows
that both wrote are compared, except for the time of ingestion.

Bronze's seconds are those of the whole job in a warm JVM: it checks topics, creates two tables and runs a second
query, for feedback; the line below it is its batches alone, from bronze.events' progress. Processor time is of
this process and all that it started, including the broker. Prints medians, writes build/benchmarks/consumers.json.
"""

import argparse
import shutil
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
from confluent_kafka import Consumer, Message, TopicPartition
from deltalake import CommitProperties, DeltaTable, Transaction, write_deltalake
from messages import broker_with_topics, send
from process_tree import Usage
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F
from results import write_results
from stream_runs import logged_batches, use_streams_jvm

from bronze.ingest import ingest
from lakehouse.kafka.client import Cluster
from lakehouse.settings import Settings
from lakehouse.spark.lakehouse import SparkLakehouse
from lakehouse.spark.session import spark_session
from lakehouse.tables import BRONZE_EVENTS

PRODUCT, OTHER = "bronze (Spark)", "confluent-kafka + delta-rs"
_FETCH = 10_000
_MICROS = pa.timestamp("us", tz="UTC")
_HEADERS = pa.list_(pa.struct([("key", pa.string()), ("value", pa.binary())]))


def consume(cluster: Cluster, topics: list[str], table: str, *, limit: int) -> None:
    """Append the records beyond the table's own offsets, at most `limit` per commit."""
    consumer = Consumer(
        {
            "bootstrap.servers": cluster.bootstrap,
            "group.id": "benchmark",
            "enable.auto.commit": False,
            "isolation.level": "read_committed",
            "fetch.wait.max.ms": 10,
            "queued.max.messages.kbytes": 131_072,
        }
    )
    try:
        nexts = starts(consumer, topics, table)
        ends = {part: consumer.get_watermark_offsets(TopicPartition(*part))[1] for part in nexts}
        consumer.assign([TopicPartition(*part, offset) for part, offset in nexts.items()])
        for batch in batches(consumer, nexts, ends, limit):
            transactions = [
                Transaction(f"{topic}-{partition}", offset)
                for (topic, partition), offset in nexts.items()
                if offset > 0
            ]
            properties = CommitProperties(app_transactions=transactions)
            write_deltalake(table, rows(batch), mode="append", commit_properties=properties)
    finally:
        consumer.close()


def starts(consumer: Consumer, topics: list[str], table: str) -> dict[tuple[str, int], int]:
    """The next offset of each partition: from the transactions in the table's log, or else Kafka's first."""
    known = DeltaTable(table) if DeltaTable.is_deltatable(table) else None
    found = {}
    for topic in topics:
        for partition in consumer.list_topics(topic).topics[topic].partitions:
            version = known.transaction_version(f"{topic}-{partition}") if known else None
            first, _ = consumer.get_watermark_offsets(TopicPartition(topic, partition))
            found[topic, partition] = first if version is None else version
    return found


def batches(
    consumer: Consumer, nexts: dict[tuple[str, int], int], ends: dict[tuple[str, int], int], limit: int
) -> Iterator[list[Message]]:
    """The records up to `ends`, from topics without transactions; `nexts` advances after each batch."""
    batch: list[Message] = []
    while remaining := sum(end - nexts[part] for part, end in ends.items()):
        # never more than remain: consume waits for as many as requested
        messages = consumer.consume(min(_FETCH, limit - len(batch), remaining), timeout=10)
        if not messages:
            sys.exit("the consumer got nothing in 10 s")
        for message in messages:
            if message.error():
                sys.exit(f"the consumer failed: {message.error()}")
            batch.append(message)
            nexts[message.topic(), message.partition()] = message.offset() + 1
        if len(batch) >= limit:
            yield batch
            batch = []
    if batch:
        yield batch


def rows(batch: list[Message]) -> pa.Table:
    """The batch, in the columns of bronze.events."""
    key, key_raw = texts([message.key() for message in batch])
    value, value_raw = texts([message.value() for message in batch])
    now = pa.scalar(datetime.now(UTC), _MICROS)
    headers = [
        None if message.headers() is None else [{"key": name, "value": held} for name, held in message.headers()]
        for message in batch
    ]
    columns: dict[str, Any] = {
        "topic": pa.array([message.topic() for message in batch], pa.string()),
        "partition": pa.array([message.partition() for message in batch], pa.int32()),
        "offset": pa.array([message.offset() for message in batch], pa.int64()),
        "kafka_timestamp": pa.array([message.timestamp()[1] * 1000 for message in batch], pa.int64()).cast(
            _MICROS
        ),
        "key": key,
        "key_raw": key_raw,
        "value": value,
        "value_raw": value_raw,
        "headers": pa.array(headers, _HEADERS),
        "ingested_at": pa.repeat(now, len(batch)),
    }
    return pa.table({name: columns[name] for name in BRONZE_EVENTS.columns})


def texts(sent: list[bytes | None]) -> tuple[pa.Array, pa.Array]:
    """Valid UTF-8 as strings, the rest as bytes."""
    raw = pa.array(sent, pa.binary())
    try:
        return pc.cast(raw, pa.string()), pa.nulls(len(sent), pa.binary())
    except pa.ArrowInvalid:
        valid = [one if one is None or is_text(one) else None for one in sent]
        others = [None if one is None or is_text(one) else one for one in sent]
        return pa.array(valid, pa.binary()).cast(pa.string()), pa.array(others, pa.binary())


def is_text(sent: bytes) -> bool:
    try:
        sent.decode()
    except UnicodeDecodeError:
        return False
    return True


def digest(table: DataFrame) -> tuple[int, int]:
    """The number of rows, and a sum that changes with any record."""
    names = [name for name in BRONZE_EVENTS.columns if name not in ("ingested_at", "headers")]
    # xxhash64 ignores nulls, and treats bytes and text alike
    nulls = [F.col(name).isNull() for name in names]
    hashed = F.xxhash64(*names, *nulls, F.to_json("headers")).cast("decimal(38,0)")
    row = table.agg(F.count("*"), F.sum(hashed)).collect()[0]
    return int(row[0]), int(row[1])


def batch_seconds(root: Path) -> float:
    """The duration of bronze.events' batches, from the stream's own log."""
    found = [one for one in logged_batches(root / "ops") if one["stream"] == "bronze.events"]
    return float(sum(one["durations_ms"]["triggerExecution"] for one in found)) / 1000


def works(
    spark: SparkSession, settings: Settings, cluster: Cluster
) -> dict[str, tuple[Callable[[Path], None], Callable[[Path], DataFrame]]]:
    """For each way: how it writes the messages under a folder, and what it wrote."""
    topics = settings.kafka.events_topics
    limit = settings.bronze.max_offsets_per_trigger
    return {
        PRODUCT: (
            lambda folder: ingest(spark, settings.model_copy(update={"root": str(folder)}), cluster),
            lambda folder: SparkLakehouse(str(folder), spark).read(BRONZE_EVENTS),
        ),
        OTHER: (
            lambda folder: consume(cluster, list(topics), str(folder / "events"), limit=limit),
            lambda folder: spark.read.format("delta").load(str(folder / "events")),
        ),
    }


def measure(base: Path, *, count: int, runs: int) -> dict[str, list[dict[str, float]]]:
    found: dict[str, list[dict[str, float]]] = {PRODUCT: [], OTHER: []}
    with (
        broker_with_topics(base / "broker") as (settings, cluster),
        spark_session("benchmark", log_file=base / "spark.log") as spark,
    ):
        send(spark, cluster, settings, first=0, count=count)
        ways = list(works(spark, settings, cluster).items())
        for number in range(runs + 1):
            digests = {}
            for name, (land, landed) in ways if number % 2 else reversed(ways):
                folder = base / f"run{number}" / name.split()[0]
                folder.mkdir(parents=True)
                started = time.monotonic()
                with Usage() as usage:
                    land(folder)
                seconds = time.monotonic() - started
                own = {"batch_seconds": batch_seconds(folder)} if name == PRODUCT else {}
                digests[name] = digest(landed(folder))
                shutil.rmtree(folder)
                if number:  # the first round warms up
                    found[name].append({"seconds": seconds, "cpu_seconds": usage.cpu_seconds, **own})
            if len(set(digests.values())) != 1 or digests[PRODUCT][0] != count:
                sys.exit(f"the two landed different rows: {digests}")
    return found


def show(count: int, found: dict[str, list[dict[str, float]]]) -> None:
    print(f"{f'{count:,} messages, medians':32}{'s':>8}{'min':>8}{'max':>8}{'rows/s':>10}{'CPU s':>8}")
    for name, taken in found.items():
        cpu = statistics.median(one["cpu_seconds"] for one in taken)
        print(line(name, count, [one["seconds"] for one in taken]) + f"{cpu:8.1f}")
        if name == PRODUCT:
            print(line("  its batches alone", count, [one["batch_seconds"] for one in taken]))
    print("the rows of both are the same")


def line(name: str, count: int, seconds: list[float]) -> str:
    median = statistics.median(seconds)
    shown = "".join(f"{value:8.2f}" for value in (median, min(seconds), max(seconds)))
    return f"{name:32}{shown}{count / median:10,.0f}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--messages", type=int, default=1_000_000)
    parser.add_argument("--runs", type=int, default=3)
    args = parser.parse_args()
    use_streams_jvm()
    with tempfile.TemporaryDirectory() as base:
        found = measure(Path(base), count=args.messages, runs=args.runs)
    show(args.messages, found)
    write_results("consumers", {"messages": args.messages, "runs": found})


if __name__ == "__main__":
    main()
