"""Stream 2: validate bronze, split it by type into silver, and quarantine what breaks a rule."""

from collections.abc import Sequence

from pyspark.sql import DataFrame, SparkSession

from lakehouse import storage
from lakehouse.jobs import run_job, stream_parser
from lakehouse.session import spark_session
from lakehouse.settings import Settings, load_settings
from lakehouse.streams import query_id, run_streams, source_versions, start_stream
from lakehouse.tables import BRONZE_EVENTS, BRONZE_FEEDBACK, layer_tables
from silver.batch import apply_batch
from silver.rules import judge
from silver.wire import parse

STREAM = "silver"
_SOURCES = (BRONZE_EVENTS, BRONZE_FEEDBACK)


def refine(spark: SparkSession, settings: Settings, *, trigger: str | None = None) -> None:
    """Apply to silver what bronze holds beyond the checkpoint. Ends when done, or never with a `trigger`.

    One query reads both bronze tables: a topic says nothing about the types in it, so two queries would
    write to the same silver tables at once.
    """
    checkpoint = storage.checkpoint_path(settings.root, STREAM)
    names = [table.sql_name for table in _SOURCES]
    silver = settings.silver

    def on_batch(judged: DataFrame, batch_id: int) -> None:
        apply_batch(
            judged,
            settings.root,
            query_id=query_id(spark, checkpoint),
            batch_id=batch_id,
            versions=source_versions(spark, checkpoint, batch_id, names),
        )

    bronze = read_bronze(spark, settings.root, max_bytes_per_trigger=silver.max_bytes_per_trigger)
    # part of the stream and not of each batch: building this plan takes longer than many a batch
    judged = judge(
        parse(bronze),
        clasificaciones=silver.clasificaciones,
        future_tolerance_seconds=silver.future_tolerance_seconds,
    )
    with run_streams(spark, settings.ops_dir) as streams:
        for table in layer_tables("silver"):
            storage.ensure(spark, settings.root, table)
        writer = judged.writeStream.foreachBatch(on_batch)
        streams.append(start_stream(writer, name=STREAM, checkpoint=checkpoint, trigger=trigger))


def read_bronze(spark: SparkSession, root: str, *, max_bytes_per_trigger: str) -> DataFrame:
    """The rows of both bronze tables as one stream."""
    parts = [
        spark.readStream.format("delta")
        .option("maxBytesPerTrigger", max_bytes_per_trigger)
        .load(storage.require(spark, root, table))
        for table in _SOURCES
    ]
    return parts[0].unionByName(parts[1])


def main(argv: Sequence[str] | None = None) -> None:
    args = stream_parser(__doc__ or "").parse_args(argv)
    settings = load_settings()
    with spark_session("silver.refine") as spark:
        refine(spark, settings, trigger=args.trigger)


if __name__ == "__main__":
    run_job(main)
