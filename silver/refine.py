"""Stream 2: validate bronze, split it by type into silver, and quarantine rows that break a rule."""

from collections.abc import Callable, Sequence

from pyspark.sql import DataFrame, SparkSession

from lakehouse import storage
from lakehouse.history.damage import require_whole_logs
from lakehouse.history.damage_errors import damage_named
from lakehouse.jobs import run_job, stream_parser
from lakehouse.locks import only_run
from lakehouse.rebuilding import require_no_rebuild
from lakehouse.settings import Settings, load_settings
from lakehouse.spark.checkpoints import delta_positions, read_checkpoint, require_readable
from lakehouse.spark.session import spark_session
from lakehouse.spark.streams import run_streams, start_stream
from lakehouse.tables import BRONZE_EVENTS, BRONZE_FEEDBACK, SILVER_CORRECTIONS, layer_tables
from silver.batch import apply_batch
from silver.continuity import require_continuity
from silver.parsing.wire import parse
from silver.quarantine.corrections import withhold
from silver.quarantine.resolution import Rules, has_corrections, reapply, settle
from silver.rules import judge

STREAM = "silver"
SOURCES = (BRONZE_EVENTS, BRONZE_FEEDBACK)


def refine(
    spark: SparkSession, settings: Settings, *, trigger: str | None = None, target: str | None = None
) -> None:
    """Apply the bronze rows beyond the checkpoint to silver. Returns when done, or never with a `trigger`.

    One query reads both bronze tables: a topic says nothing about the types in it, so two queries would write to
    the same silver tables at once. `target` is a root for silver other than bronze's: all of bronze and all
    corrections of the quarantine are then applied to it.
    Raises RunningError if the stream is already running, CheckpointError if continuing would skip or repeat
    records, DamageError if a file of a table or checkpoint is damaged.
    """
    root = target or settings.root
    silver = settings.silver
    run, repairing = ("silver", "") if target is None else ("rebuild-silver", "silver")
    with only_run(settings.ops_dir, run), damage_named(settings.root, repairing=repairing):
        require_whole_logs(settings.root, *(("bronze", "silver") if target is None else ("bronze",)))
        require_no_rebuild(root)
        checkpoint = read_checkpoint(spark, root, STREAM)
        if checkpoint is not None:
            require_readable(spark, checkpoint)
        require_continuity(spark, root, checkpoint, sources=SOURCES)
        settle(spark, root)
        bronze = read_bronze(spark, settings.root, max_bytes_per_trigger=silver.max_bytes_per_trigger)
        # in the stream's plan, not in each batch: building this plan takes longer than many a batch
        judged = judge(
            parse(bronze),
            clasificaciones=silver.clasificaciones,
            future_tolerance_seconds=silver.future_tolerance_seconds,
        )
        if target is not None and has_corrections(spark, settings.root):
            judged = withhold(judged, storage.read(spark, settings.root, SILVER_CORRECTIONS))
        with run_streams(spark, settings.ops_dir, trigger=trigger) as streams:
            for table in layer_tables("silver"):
                storage.ensure(spark, root, table)
            writer = judged.writeStream.foreachBatch(_writer(spark, root))
            path = storage.checkpoint_path(root, STREAM)
            streams.append(start_stream(writer, name=STREAM, checkpoint=path, trigger=trigger))
        if target is not None:
            rules = Rules(silver.clasificaciones, silver.future_tolerance_seconds)
            reapply(spark, settings.root, target, rules=rules)


def _writer(spark: SparkSession, root: str) -> Callable[[DataFrame, int], None]:
    names = [table.sql_name for table in SOURCES]

    def write(judged: DataFrame, batch_id: int) -> None:
        checkpoint = read_checkpoint(spark, root, STREAM)
        assert checkpoint is not None  # noqa: S101 - Spark writes it before the batch
        positions = delta_positions(spark, checkpoint, batch_id, names)
        apply_batch(
            judged,
            root,
            query_id=checkpoint.query_id,
            batch_id=batch_id,
            versions={name: position.version for name, position in positions.items()},
        )

    return write


def read_bronze(spark: SparkSession, root: str, *, max_bytes_per_trigger: str) -> DataFrame:
    """The rows of both bronze tables as one stream."""
    parts = [
        spark.readStream.format("delta")
        .option("maxBytesPerTrigger", max_bytes_per_trigger)
        .load(storage.require(spark, root, table))
        .drop("headers", "ingested_at")
        for table in SOURCES
    ]
    return parts[0].unionByName(parts[1])


def main(argv: Sequence[str] | None = None) -> None:
    args = stream_parser(__doc__ or "").parse_args(argv)
    settings = load_settings()
    with spark_session("silver.refine") as spark:
        refine(spark, settings, trigger=args.trigger)


if __name__ == "__main__":
    run_job(main)
