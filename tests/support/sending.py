"""Records of the tests on the broker, and both streams' batches of them."""

from collections.abc import Iterable

from pyspark.sql import SparkSession

from bronze.ingest import ingest
from lakehouse.kafka.client import configured_cluster
from lakehouse.kafka.topics import ensure_topics
from lakehouse.settings import KafkaSettings, Settings
from producers.sending.delivery import publish
from producers.sending.records import Record
from silver.refine import refine


def send_all(kafka: KafkaSettings, *sent: tuple[str, Iterable[Record]]) -> None:
    """Publish each topic's records; fails unless all are delivered. Creates the topics if there are none."""
    cluster = configured_cluster(kafka)
    ensure_topics(cluster, kafka.topics, **kafka.new_topics)
    for topic, records in sent:
        publish(records, topic=topic, cluster=cluster).require_complete(topic)


def run_both(spark: SparkSession, settings: Settings) -> None:
    """Bronze reads what Kafka holds, then silver what bronze holds."""
    ingest(spark, settings, configured_cluster(settings.kafka))
    refine(spark, settings)
