"""Stream 1 against a real broker: each committed record is appended once, however often anything runs."""

import json
import shutil
from pathlib import Path

import pytest
from kafka import KafkaProducer
from pyspark.sql import SparkSession
from pyspark.sql import functions as F

from bronze.ingest import ingest
from bronze.start import describe_topics, prepare, rebuild_checkpoints
from lakehouse.kafka.bronze_sources import bronze_sources
from lakehouse.kafka.client import configured_cluster
from lakehouse.kafka.topics import ensure_topics
from lakehouse.settings import Settings
from lakehouse.spark.checkpoints import CheckpointError
from lakehouse.spark.lakehouse import SparkLakehouse
from lakehouse.tables import BRONZE_EVENTS, BRONZE_FEEDBACK, Table
from operations.commands.audit import audit
from tests.support.frames import assert_df_equality

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
    """One partition per topic, created before the first record, so that offsets are known."""
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
    rows = (
        SparkLakehouse(settings.root, spark)
        .read(table)
        .select("topic", "offset", "value")
        .orderBy("topic", "offset")
    )
    return [tuple(row) for row in rows.collect()]


def test_every_record_lands_once(spark: SparkSession, settings: Settings) -> None:
    lake = SparkLakehouse(settings.root, spark)
    kafka = settings.kafka
    send(settings, kafka.users_topic, b"one", None)
    send(settings, kafka.movies_topic, b"two")
    send(settings, kafka.feedback_topic, b"three")
    ingest(spark, settings, configured_cluster(kafka))
    events = sorted([(kafka.users_topic, 0, "one"), (kafka.users_topic, 1, None), (kafka.movies_topic, 0, "two")])
    feedback = [(kafka.feedback_topic, 0, "three")]
    assert landed(spark, settings, BRONZE_EVENTS) == events
    assert landed(spark, settings, BRONZE_FEEDBACK) == feedback

    # Kafka's metadata of a record is kept too
    first = lake.read(BRONZE_FEEDBACK)
    assert_df_equality(
        first.select("partition", "key", F.col("kafka_timestamp").cast("string").alias("at"), "headers"),
        spark.createDataFrame(
            [(0, "k", "2025-05-13 12:00:00.123", [("h", bytearray(b"\xff"))])],
            "partition int, key string, at string, headers array<struct<key:string,value:binary>>",
        ),
        ignore_nullable=True,
    )

    # again, with nothing new for one table, and records in transactions for the other
    send_in_transaction(settings, kafka.series_topic, b"never sent", commit=False)
    send_in_transaction(settings, kafka.series_topic, b"committed", commit=True)
    send(settings, kafka.users_topic, b"four")
    before = lake.version(BRONZE_FEEDBACK)
    ingest(spark, settings, configured_cluster(kafka))
    found = landed(spark, settings, BRONZE_EVENTS)
    assert [row for row in found if row[0] != kafka.series_topic] == sorted(
        [*events, (kafka.users_topic, 2, "four")]
    )
    # the aborted record and its marker took offsets 0 and 1
    assert [row for row in found if row[0] == kafka.series_topic] == [(kafka.series_topic, 2, "committed")]
    assert landed(spark, settings, BRONZE_FEEDBACK) == feedback
    assert lake.version(BRONZE_FEEDBACK) == before

    # each batch with rows has one line, and left nothing unread in Kafka
    file = Path(settings.ops_dir) / "stream_progress.jsonl"
    lines = [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()]
    assert all(set(line) == LINE_KEYS for line in lines)
    assert sorted((line["stream"], line["batch_id"], line["rows"]) for line in lines) == [
        ("bronze.events", 0, 3),
        ("bronze.events", 1, 2),
        ("bronze.feedback", 0, 1),
    ]
    assert [line["kafka_lag"] for line in lines] == [0, 0, 0]


def named(settings: Settings, *topics: str) -> Settings:
    """The settings with these topics of users, movies, series and feedback."""
    fields = ("users_topic", "movies_topic", "series_topic", "feedback_topic")
    kafka = settings.kafka.model_copy(update=dict(zip(fields, topics, strict=True)))
    return settings.model_copy(update={"kafka": kafka})


def test_a_topic_that_several_settings_name_is_read_once(spark: SparkSession, settings: Settings) -> None:
    """Also after the settings change to fewer topics and back: each record lands once, or the stream refuses."""
    cluster, sent = configured_cluster(settings.kafka), []
    users, movies, series, feedback = settings.kafka.topics

    def send_to(*topics: str) -> None:
        for topic in topics:
            value = f"{len(sent)}"
            send(settings, topic, value.encode())
            sent.append((topic, sum(one == topic for one, _, _ in sent), value))

    def ingested(*topics: str) -> None:
        ingest(spark, named(settings, *topics), cluster)
        found = landed(spark, settings, BRONZE_EVENTS) + landed(spark, settings, BRONZE_FEEDBACK)
        assert sorted(found) == sorted(sent)

    def refused(*topics: str, because: str) -> None:
        """Refused with one line, and accepted after the command that the line names."""
        with pytest.raises(CheckpointError, match=because) as error:
            ingest(spark, named(settings, *topics), cluster)
        assert "\n" not in str(error.value)
        assert "lakehouse rebuild bronze" in error.value.todo
        stamp = f"s{len(sent)}-{len(list(Path(settings.root, 'checkpoints/bronze').iterdir()))}"
        rebuild = rebuild_checkpoints(
            SparkLakehouse(settings.root, spark),
            named(settings, *topics).kafka,
            cluster,
            stamp=stamp,
            accept_loss=False,
        )
        assert len(list(rebuild)) >= 2
        ingested(*topics)

    one, all_four = (users,) * 4, (users, movies, series, feedback)
    send_to(users, users)
    ingested(*one)
    assert landed(spark, settings, BRONZE_FEEDBACK) == []
    # split: the new topic is read from its beginning, the known one resumes
    send_to(users, movies, feedback)
    ingested(*all_four)
    # feedback arrives on the users topic: nobody reads its old topic any more
    send_to(users)
    refused(users, movies, series, users, because="checkpoint of bronze.feedback reads feedback-")
    # its old topic again, after what was already read from it
    send_to(feedback, users)
    ingested(*all_four)
    # the topic of one table moves to the other
    send_to(feedback)
    refused(*(feedback,) * 4, because="checkpoint of bronze.events reads movies-")
    # topics that bronze has read, but new to the current checkpoint
    send_to(movies)
    refused(users, movies, feedback, feedback, because="bronze holds records of movies-.*, users-")
    assert audit(named(settings, users, movies, feedback, feedback), cluster)[2] == []


def test_a_recreated_topic_is_refused_whichever_table_held_it(spark: SparkSession, settings: Settings) -> None:
    _, movies, series, feedback = settings.kafka.topics
    send(settings, feedback, b"one")
    cluster = configured_cluster(settings.kafka)
    ingest(spark, settings, cluster)
    merged = named(settings, feedback, movies, series, feedback).kafka
    source = bronze_sources(merged)[0]
    anew = describe_topics(cluster, source.topics, timeout_seconds=TIMEOUT)
    shutil.rmtree(Path(settings.root, "checkpoints/bronze"))
    anew = anew._replace(ids={**anew.ids, feedback: "another-id"})
    with pytest.raises(CheckpointError, match=r"feedback-\w+ is not the one that bronze.feedback was read from"):
        prepare(SparkLakehouse(settings.root, spark), source, anew, keep_days=0)
