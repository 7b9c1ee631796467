"""Send a million messages to a real broker in half a minute: the producers' records, each under its own id."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pyspark.sql import Column, DataFrame, SparkSession
from pyspark.sql import functions as F

from lakehouse.broker.embedded import kafka_cluster
from lakehouse.kafka.client import Cluster
from lakehouse.kafka.topics import ensure_topics
from lakehouse.settings import Settings, load_settings
from producers.made_up.entities import movie_records, series_records, user_records
from producers.sending.records import Record

# The number of different records per topic; they repeat under other ids.
PATTERNS = 2_000
_ID, _TIME = "@id@", "@time@"
# A prime: multiples of it modulo a number of ids reach all of them, far apart.
_STRIDE = 7_919
# The default event time of everything a benchmark sends.
TIME = "2025-06-01T00:00:00.000Z"


@contextmanager
def broker_with_topics(root: Path, *, partitions: int = 3) -> Iterator[tuple[Settings, Cluster]]:
    """An embedded broker with empty topics, and the settings that point at it."""
    base = load_settings()
    kafka = base.kafka.model_copy(update={"bootstrap_servers": "", "embedded_port": 0, "partitions": partitions})
    settings = base.model_copy(update={"root": str(root), "kafka": kafka})
    with kafka_cluster(kafka, settings.root) as cluster:
        ensure_topics(cluster, kafka.topics, **kafka.new_topics)
        yield settings, cluster


def send(
    spark: SparkSession,
    cluster: Cluster,
    settings: Settings,
    *,
    first: int,
    count: int,
    timestamp: str = TIME,
    updated: int = 0,
) -> None:
    """Send `messages`."""
    sent = messages(spark, settings, first=first, count=count, timestamp=timestamp, updated=updated)
    writer = sent.write.format("kafka").options(**cluster.spark_options())
    writer.option("kafka.compression.type", "none").save()


def messages(
    spark: SparkSession, settings: Settings, *, first: int, count: int, timestamp: str, updated: int = 0
) -> DataFrame:
    """One row per message: topic, key and value.

    Users, movies and series, a third each: the events of ids `first` to `first + count - 1`. With `updated`, every
    other one is instead of an id below it, spread evenly.
    """
    kafka = settings.kafka
    kinds = (
        (kafka.users_topic, user_records(1, PATTERNS)),
        (kafka.movies_topic, movie_records(1, PATTERNS)),
        (kafka.series_topic, series_records(1, PATTERNS)),
    )
    patterns = [
        (place, number, topic, _pattern(record))
        for place, (topic, records) in enumerate(kinds)
        for number, record in enumerate(records)
    ]
    known = spark.createDataFrame(patterns, "place int, number int, topic string, pattern string")
    numbers = spark.range(first, first + count, numPartitions=4)
    if updated:
        is_update, known_id = F.col("id") % 2 == 1, F.col("id") * _STRIDE % updated
        numbers = numbers.select(F.when(is_update, known_id).otherwise(F.col("id")).alias("id"))
    ids = numbers.withColumns(
        {
            "place": (F.col("id") % len(kinds)).cast("int"),
            "number": (F.col("id") / len(kinds) % PATTERNS).cast("int"),
        }
    )
    identity = F.concat(F.substring("topic", 9, 1), F.col("id").cast("string"))
    filled: Column = F.replace(F.col("pattern"), F.lit(_ID), identity)
    filled = F.replace(filled, F.lit(_TIME), F.lit(timestamp))
    joined = ids.join(F.broadcast(known), on=["place", "number"])
    return joined.select("topic", identity.alias("key"), filled.alias("value"))


def _pattern(record: Record) -> str:
    fields = json.loads(record.value or b"")
    return json.dumps({**fields, "id": _ID, "timestamp": _TIME}, ensure_ascii=False)
