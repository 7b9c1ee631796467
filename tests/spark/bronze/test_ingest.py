"""Stream 1 against a real broker: each committed record lands once, whatever is run how often."""

import json
from pathlib import Path

import pytest
from chispa import assert_df_equality
from kafka import KafkaProducer
from pyspark.sql import SparkSession
from pyspark.sql import functions as F

from bronze.ingest import ingest
from lakehouse import storage
from lakehouse.kafka_client import configured_cluster
from lakehouse.settings import Settings
from lakehouse.tables import BRONZE_EVENTS, BRONZE_FEEDBACK, Table
from lakehouse.topics import ensure_topics

TIMEOUT = 20.0
AT = 1_747_137_600_123  # 2025-05-13 12:00:00.123 UTC
LINE_KEYS = {
    "logged_at",
    "stream",
    "query_id",
    "batch_id",
    "started_at",
    "rows",
    "inputRowsPerSecond",
    "processedRowsPerSecond",
    "durations_ms",
    "kafka_lag",
}


@pytest.fixture
def settings(settings: Settings) -> Settings:
    """One partition per topic, made before the first record, so that offsets are known."""
    kafka = settings.kafka.model_copy(update={"partitions": 1})
    ensure_topics(
        configured_cluster(kafka), kafka.topics, partitions=1, replication_factor=1, timeout_seconds=TIMEOUT
    )
    return settings.model_copy(update={"kafka": kafka})


def send(settings: Settings, topic: str, *values: bytes | None) -> None:
    producer = KafkaProducer(**configured_cluster(settings.kafka).client_options(), acks="all")
    for value in values:
        producer.send(topic, value, key=b"k", timestamp_ms=AT, headers=[("h", b"\xff")])
    producer.flush()
    producer.close()


def send_in_transaction(settings: Settings, topic: str, value: bytes, *, commit: bool) -> None:
    options = configured_cluster(settings.kafka).client_options()
    producer = KafkaProducer(**options, transactional_id=f"t-{topic}")
    producer.init_transactions()
    producer.begin_transaction()
    producer.send(topic, value, key=b"k", timestamp_ms=AT)
    producer.flush()
    if commit:
        producer.commit_transaction()
    else:
        producer.abort_transaction()
    producer.close()


def landed(spark: SparkSession, settings: Settings, table: Table) -> list[tuple[str, int, str | None]]:
    rows = storage.read(spark, settings.root, table).select("topic", "offset", "value").orderBy("topic", "offset")
    return [tuple(row) for row in rows.collect()]


def test_every_record_lands_once(spark: SparkSession, settings: Settings) -> None:
    kafka = settings.kafka
    send(settings, kafka.users_topic, b"one", None)
    send(settings, kafka.movies_topic, b"two")
    send(settings, kafka.feedback_topic, b"three")
    ingest(spark, settings, configured_cluster(kafka))
    events = sorted([(kafka.users_topic, 0, "one"), (kafka.users_topic, 1, None), (kafka.movies_topic, 0, "two")])
    feedback = [(kafka.feedback_topic, 0, "three")]
    assert landed(spark, settings, BRONZE_EVENTS) == events
    assert landed(spark, settings, BRONZE_FEEDBACK) == feedback

    # what Kafka says of a record is kept too
    first = storage.read(spark, settings.root, BRONZE_FEEDBACK)
    assert_df_equality(
        first.select("partition", "key", F.col("kafka_timestamp").cast("string").alias("at"), "headers"),
        spark.createDataFrame(
            [(0, "k", "2025-05-13 12:00:00.123", [("h", bytearray(b"\xff"))])],
            "partition int, key string, at string, headers array<struct<key:string,value:binary>>",
        ),
        ignore_nullable=True,
    )

    # again, with nothing new in one table, and records of transactions in the other
    send_in_transaction(settings, kafka.series_topic, b"never sent", commit=False)
    send_in_transaction(settings, kafka.series_topic, b"committed", commit=True)
    send(settings, kafka.users_topic, b"four")
    before = storage.latest_version(spark, settings.root, BRONZE_FEEDBACK)
    ingest(spark, settings, configured_cluster(kafka))
    found = landed(spark, settings, BRONZE_EVENTS)
    assert [row for row in found if row[0] != kafka.series_topic] == sorted(
        [*events, (kafka.users_topic, 2, "four")]
    )
    # the aborted record and its marker took offsets 0 and 1
    assert [row for row in found if row[0] == kafka.series_topic] == [(kafka.series_topic, 2, "committed")]
    assert landed(spark, settings, BRONZE_FEEDBACK) == feedback
    assert storage.latest_version(spark, settings.root, BRONZE_FEEDBACK) == before

    # each batch that had rows has one line, and ended with nothing left in Kafka
    file = Path(settings.ops_dir) / "stream_progress.jsonl"
    lines = [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()]
    assert all(set(line) == LINE_KEYS for line in lines)
    assert sorted((line["stream"], line["batch_id"], line["rows"]) for line in lines) == [
        ("bronze.events", 0, 3),
        ("bronze.events", 1, 2),
        ("bronze.feedback", 0, 1),
    ]
    assert [line["kafka_lag"] for line in lines] == [0, 0, 0]
