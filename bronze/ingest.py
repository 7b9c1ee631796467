"""Stream 1: land the raw records of Kafka in bronze.events and bronze.feedback, exactly once."""

from collections.abc import Sequence

from pyspark.sql import DataFrame, SparkSession

from bronze.records import raw_records
from lakehouse import storage
from lakehouse.broker import kafka_cluster
from lakehouse.jobs import run_job, stream_parser
from lakehouse.session import spark_session
from lakehouse.settings import Settings, load_settings
from lakehouse.streams import run_streams, start_stream
from lakehouse.tables import BRONZE_EVENTS, BRONZE_FEEDBACK
from lakehouse.topics import ensure_topics


def ingest(spark: SparkSession, settings: Settings, bootstrap: str, *, trigger: str | None = None) -> None:
    """Append what Kafka holds beyond the checkpoints. Ends when all is taken, or never with a `trigger`."""
    kafka = settings.kafka
    ensure_topics(bootstrap, kafka.topics, **kafka.new_topics)
    sources = ((BRONZE_EVENTS, kafka.catalogue_topics), (BRONZE_FEEDBACK, (kafka.feedback_topic,)))
    with run_streams(spark, settings.ops_dir) as streams:
        for table, topics in sources:
            storage.ensure(spark, settings.root, table)
            limit = settings.bronze.max_offsets_per_trigger
            records = raw_records(read_kafka(spark, bootstrap, topics, max_offsets_per_trigger=limit))
            writer = storage.conform(records, table).writeStream.format("delta").outputMode("append")
            writer = writer.option("path", storage.table_path(settings.root, table))
            checkpoint = storage.checkpoint_path(settings.root, f"bronze/{table.name}")
            streams.append(start_stream(writer, name=table.sql_name, checkpoint=checkpoint, trigger=trigger))


def read_kafka(
    spark: SparkSession, bootstrap: str, topics: Sequence[str], *, max_offsets_per_trigger: int
) -> DataFrame:
    """The records of these topics from the earliest on, committed ones only."""
    reader = spark.readStream.format("kafka").option("subscribe", ",".join(topics))
    options = {
        "kafka.bootstrap.servers": bootstrap,
        "startingOffsets": "earliest",
        # records that Kafka dropped before they were read must stop the stream, not pass unnoticed
        "failOnDataLoss": "true",
        "includeHeaders": "true",
        # a record of an aborted transaction was never sent
        "kafka.isolation.level": "read_committed",
        # a fetch that meets the end of a log waits this long, per partition and micro-batch (default 500)
        "kafka.fetch.max.wait.ms": "10",
        "maxOffsetsPerTrigger": str(max_offsets_per_trigger),
    }
    return reader.options(**options).load()


def main(argv: Sequence[str] | None = None) -> None:
    args = stream_parser(__doc__ or "").parse_args(argv)
    settings = load_settings()
    with (
        kafka_cluster(settings.kafka, settings.root) as bootstrap,
        spark_session("bronze.ingest") as spark,
    ):
        ingest(spark, settings, bootstrap, trigger=args.trigger)


if __name__ == "__main__":
    run_job(main)
