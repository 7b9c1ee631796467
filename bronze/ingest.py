"""Stream 1: append raw Kafka records to bronze.events and bronze.feedback, exactly once."""

from collections.abc import Callable, Sequence
from contextlib import ExitStack, suppress
from functools import cache, partial

from deltalake.exceptions import DeltaError
from pyspark.sql import DataFrame, SparkSession

from bronze.records import raw_records
from bronze.start import describe_topics, prepare
from lakehouse.broker.embedded import kafka_cluster
from lakehouse.compaction import join_small_files
from lakehouse.history.commits import StreamBatch, last_stream_batch
from lakehouse.history.damage import require_whole_logs
from lakehouse.history.damage_errors import damage_named
from lakehouse.history.failed_batch import failed_batch
from lakehouse.history.recovery import recover
from lakehouse.jobs import run_job, stream_parser
from lakehouse.kafka.bronze_sources import BronzeSource, bronze_sources
from lakehouse.kafka.client import Cluster
from lakehouse.kafka.topics import ensure_topics
from lakehouse.lakehouse import Lakehouse
from lakehouse.locks import only_run
from lakehouse.metrics.server import metrics_served
from lakehouse.settings import BronzeSettings, Settings, load_settings
from lakehouse.spark.checkpoints import read_checkpoint
from lakehouse.spark.lakehouse import SparkLakehouse
from lakehouse.spark.retries import retried
from lakehouse.spark.session import spark_session
from lakehouse.spark.small_batches import is_on_one_machine, is_writable
from lakehouse.spark.streams import run_streams, start_stream
from lakehouse.tables import BRONZE_EVENTS

# When a broker dies, the driver waits this long for its answer before it asks the new leaders. Kafka's default is
# a minute, in which bronze stands still; it allows no less than request.timeout.ms.
_API_TIMEOUT_MS = 30_000
# How often bronze looks whether a table has many small files.
_BATCHES_PER_LOOK = 10


def ingest(spark: SparkSession, settings: Settings, cluster: Cluster, *, trigger: str | None = None) -> None:
    """Append the Kafka records beyond the checkpoints. Returns when all are read, or never with a `trigger`.

    Raises RunningError if the stream is already running, CheckpointError if continuing would skip or repeat
    records, DamageError if a file of a table or checkpoint is damaged.
    """
    kafka, lake = settings.kafka, SparkLakehouse(settings.root, spark)
    joins = is_on_one_machine(spark, lake.root)
    with only_run(settings.shared_ops, "bronze"), damage_named(lake.root):
        recover(lake.in_process, "bronze")
        require_whole_logs(lake.root, "bronze")
        ensure_topics(cluster, kafka.topics, **kafka.new_topics)
        topics = describe_topics(cluster, kafka.topics, timeout_seconds=kafka.connect_timeout_seconds)
        sources = bronze_sources(kafka)
        keep_days = settings.bronze.keep_days
        starts = [prepare(lake, source, topics.of(source.topics), keep_days=keep_days) for source in sources]
        with run_streams(
            *(spark, settings.ops_dir),
            trigger=trigger,
            failed_batch=partial(failed_batch, lake.in_process),
            batch_log=settings.streams.batch_log,
        ) as streams:
            for source, starting_offsets in zip(sources, starts, strict=True):
                if not source.topics:
                    continue
                read = read_kafka(
                    spark, cluster, source.topics, settings.bronze, starting_offsets=starting_offsets
                )
                # one file per core and batch, not one per Kafka partition
                records = raw_records(read).coalesce(spark.sparkContext.defaultParallelism)
                writer = records.writeStream.foreachBatch(_writer(lake, source, joins=joins))
                checkpoint, name = lake.checkpoint_path(source.stream), source.table.sql_name
                streams.append(
                    start_stream(writer, name, checkpoint=checkpoint, trigger=trigger, auto_compact=not joins)
                )


def _writer(lake: SparkLakehouse, source: BronzeSource, *, joins: bool) -> Callable[[DataFrame, int], None]:
    """Appends each micro-batch that the table does not hold yet, in one commit that names the batch.

    Only the batch that a stream begins with may be there already: the table is asked once. Delta's own sink asks
    it for every batch, which takes three Spark jobs of four. `joins`: join the table's small files in process.
    """
    table, held = source.table, last_stream_batch(lake.in_process, source.table)

    @cache  # of the query that runs, which is the same for all its batches
    def query_id() -> str:
        checkpoint = read_checkpoint(lake.in_process.folder, source.stream)
        assert checkpoint is not None  # noqa: S101 - Spark writes it before the batch
        return checkpoint.query_id

    def write(records: DataFrame, number: int) -> None:
        batch = StreamBatch(query_id(), number)
        if batch == held:
            return
        lake.append(records, table, note=batch.note)
        if last_stream_batch(lake.in_process, table) != batch:  # no record, only markers of aborted transactions
            none = records.limit(0)
            lake.append_once(none, table, txn_app_id=batch.query_id, txn_version=number, note=batch.note)
        if joins and number % _BATCHES_PER_LOOK == 0:
            opened = lake.in_process.delta(table)
            if is_writable(opened, table):
                join_small_files(lake.in_process, table, opened)

    return write


def read_kafka(
    spark: SparkSession,
    cluster: Cluster,
    topics: Sequence[str],
    bronze: BronzeSettings,
    *,
    starting_offsets: str,
) -> DataFrame:
    """The committed records of these topics; without a checkpoint, starting at `starting_offsets`."""
    reader = spark.readStream.format("kafka").option("subscribe", ",".join(topics))
    options = {
        **cluster.spark_options(),
        "startingOffsets": starting_offsets,
        # if Kafka dropped records before they were read, the stream must stop
        "failOnDataLoss": "true",
        "includeHeaders": "true",
        # records of aborted transactions count as never sent
        "kafka.isolation.level": "read_committed",
        "kafka.fetch.max.wait.ms": str(bronze.fetch_max_wait_ms),
        "kafka.default.api.timeout.ms": str(_API_TIMEOUT_MS),
        "maxOffsetsPerTrigger": str(bronze.max_offsets_per_trigger),
    }
    return reader.options(**options).load()


def main(argv: Sequence[str] | None = None) -> None:
    args = stream_parser(__doc__ or "").parse_args(argv)
    settings = load_settings()
    patiently = partial(
        retried,
        for_seconds=settings.streams.retry_seconds if args.trigger else 0.0,
        resumes=args.trigger is not None and _has_run(settings.root),
    )
    with ExitStack() as held:
        clusters: list[Cluster] = []
        # before Spark starts: a wrong address is said at once
        if not patiently(
            lambda: clusters.append(held.enter_context(kafka_cluster(settings.kafka, settings.root)))
        ):
            return
        spark = held.enter_context(spark_session("bronze.ingest"))
        held.enter_context(metrics_served(settings, when=args.trigger is not None))
        patiently(lambda: ingest(spark, settings, clusters[0], trigger=args.trigger))


def _has_run(root: str) -> bool:
    """Whether bronze has a table; False if its store does not answer."""
    with suppress(DeltaError, OSError):
        return Lakehouse(root).exists(BRONZE_EVENTS)
    return False


if __name__ == "__main__":
    run_job(main)
