"""Stream 2: validate bronze, split it by type into silver, and quarantine rows that break a rule."""

from collections.abc import Callable, Sequence
from functools import partial

from pyspark.sql import DataFrame, SparkSession

from lakehouse.configuration.kinds import size_in_bytes
from lakehouse.folders import open_folder
from lakehouse.forgotten import read_forgotten
from lakehouse.history.backlog import SILVER_SOURCES
from lakehouse.history.damage import require_whole_logs
from lakehouse.history.damage_errors import damage_named
from lakehouse.history.failed_batch import failed_batch
from lakehouse.history.recovery import recover
from lakehouse.jobs import run_job, stream_parser
from lakehouse.locks import only_run
from lakehouse.metrics.server import metrics_served
from lakehouse.rebuilding import require_no_rebuild
from lakehouse.settings import Settings, load_settings
from lakehouse.spark.checkpoints import delta_positions, read_checkpoint, require_readable
from lakehouse.spark.lakehouse import SparkLakehouse
from lakehouse.spark.retries import retried
from lakehouse.spark.session import spark_session
from lakehouse.spark.streams import run_streams, start_stream
from lakehouse.tables import SILVER_CORRECTIONS, layer_tables
from silver.batch import apply_batch
from silver.conditions import Rules
from silver.continuity import require_continuity
from silver.judging import judged
from silver.quarantine.corrections import withhold
from silver.quarantine.resolution import has_corrections, reapply, settle
from silver.sizes import Bounds

STREAM = "silver"


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
    chosen, lake = settings.silver, SparkLakehouse(settings.root, spark)
    silver = lake if target is None else SparkLakehouse(target, spark)
    run, repairing = ("silver", "") if target is None else ("rebuild-silver", "silver")
    with only_run(settings.shared_ops, run), damage_named(lake.root, repairing=repairing):
        if target is None:
            recover(lake.in_process, "silver")
        require_whole_logs(lake.root, *(("bronze", "silver") if target is None else ("bronze",)))
        require_no_rebuild(silver.root)
        checkpoint = read_checkpoint(silver.in_process.folder, STREAM)
        if checkpoint is not None:
            require_readable(checkpoint)
        require_continuity(silver, checkpoint)
        settle(silver)
        bronze = read_bronze(lake, max_bytes_per_trigger=chosen.max_bytes_per_trigger)
        # in the stream's plan, not in each batch: building this plan takes longer than many a batch
        rules = Rules(
            frozenset(chosen.clasificaciones), chosen.future_tolerance_seconds, read_forgotten(settings.root)
        )
        withheld = lake.read(SILVER_CORRECTIONS) if target is not None and has_corrections(lake) else None
        records = judged(bronze, **rules._asdict(), keep_sent=withheld is not None)
        if withheld is not None:
            records = withhold(records, withheld)
        bounds = Bounds(chosen.in_process_rows, size_in_bytes(chosen.in_process_table_bytes))
        with run_streams(
            *(spark, settings.ops_dir),
            trigger=trigger,
            failed_batch=partial(failed_batch, silver.in_process, bronze=lake.in_process),
            batch_log=settings.streams.batch_log,
        ) as streams:
            for table in layer_tables("silver"):
                silver.ensure(table)
            writer = records.writeStream.foreachBatch(_writer(silver.root, bounds))
            path = silver.checkpoint_path(STREAM)
            streams.append(start_stream(writer, STREAM, checkpoint=path, trigger=trigger))
        if target is not None:
            reapply(lake, silver, rules=rules)


def _writer(root: str, bounds: Bounds) -> Callable[[DataFrame, int], None]:
    folder, names = open_folder(root), [table.sql_name for table in SILVER_SOURCES]

    def write(records: DataFrame, batch_id: int) -> None:
        checkpoint = read_checkpoint(folder, STREAM)
        assert checkpoint is not None  # noqa: S101 - Spark writes it before the batch
        positions = delta_positions(checkpoint, batch_id, names)
        apply_batch(
            records,
            root,
            query_id=checkpoint.query_id,
            batch_id=batch_id,
            versions={name: position.version for name, position in positions.items()},
            bounds=bounds,
        )

    return write


def read_bronze(lake: SparkLakehouse, *, max_bytes_per_trigger: str) -> DataFrame:
    """The rows of both bronze tables as one stream."""
    parts = [
        lake.spark.readStream.format("delta")
        .option("maxBytesPerTrigger", max_bytes_per_trigger)
        .option("skipChangeCommits", "true")  # what retention removes, silver has read
        .load(lake.require(table))
        .drop("headers", "ingested_at")
        for table in SILVER_SOURCES
    ]
    return parts[0].unionByName(parts[1])


def main(argv: Sequence[str] | None = None) -> None:
    args = stream_parser(__doc__ or "").parse_args(argv)
    settings = load_settings()
    with spark_session("silver.refine") as spark, metrics_served(settings, when=args.trigger is not None):
        retried(
            lambda: refine(spark, settings, trigger=args.trigger),
            for_seconds=settings.streams.retry_seconds if args.trigger else 0.0,
        )


if __name__ == "__main__":
    run_job(main)
