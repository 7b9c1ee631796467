"""`lakehouse rebuild LAYER`: rebuild a layer from the one before it, swapped in only when it is complete."""

import argparse
from datetime import UTC, datetime

from pyspark.sql import SparkSession
from rich.console import Console

from bronze.start import rebuild_checkpoints
from lakehouse.broker.embedded import kafka_cluster
from lakehouse.errors import InputError
from lakehouse.history import retention
from lakehouse.history.backlog import SILVER_SOURCES
from lakehouse.history.damage import broken_logs, require_whole_logs
from lakehouse.history.damage_errors import damage_named
from lakehouse.lakehouse import Lakehouse
from lakehouse.locks import only_run
from lakehouse.rebuilding import discard_staging, pending_swap, set_checkpoint_aside, staging_of, swap_in
from lakehouse.settings import Settings
from lakehouse.spark.checkpoints import delta_positions, read_checkpoint
from lakehouse.spark.lakehouse import SparkLakehouse
from lakehouse.tables.silver import REFINE
from operations.call import Call
from operations.pipeline.steps import Clock, broker_for, in_full, run_steps, selected_steps
from silver.refine import STREAM, refine

# Who holds a stream's lock meanwhile.
_BY = "lakehouse rebuild"


def run(args: argparse.Namespace, call: Call) -> int:
    if args.accept_loss and args.layer == "gold":
        raise InputError("--accept-loss does not apply to gold", todo="silver has all that gold is built from")
    settings = call.settings
    if args.layer == "silver":
        _require_all_rows(settings.root, accept_loss=args.accept_loss)
    clock = Clock(Console())
    with call.spark() as spark:
        if args.layer == "bronze":
            _bronze(spark, settings, clock, accept_loss=args.accept_loss)
        elif args.layer == "silver":
            _silver(spark, settings, clock, accept_loss=args.accept_loss)
        else:
            steps = in_full(selected_steps("gold"))
            with broker_for(steps, settings.kafka, settings.root) as cluster:
                run_steps(steps, spark, settings, cluster, clock)
    return 0


def _bronze(spark: SparkSession, settings: Settings, clock: Clock, *, accept_loss: bool) -> None:
    """Keep bronze's rows, and rebuild only the positions of its streams, from those rows."""
    lake, stamp = SparkLakehouse(settings.root, spark), _stamp()
    with kafka_cluster(settings.kafka, lake.root) as cluster, only_run(settings.shared_ops, "bronze", by=_BY):
        for line in rebuild_checkpoints(lake, settings.kafka, cluster, stamp=stamp, accept_loss=accept_loss):
            clock.tell(line)
        if _silver_has_read_more(lake):
            with only_run(settings.shared_ops, "silver", by=_BY):
                set_checkpoint_aside(lake, STREAM, stamp=stamp)
            clock.tell("silver has read rows that bronze no longer has. Run: lakehouse run --select bronze")
            clock.tell("and then: lakehouse rebuild silver")


def _silver_has_read_more(lake: SparkLakehouse) -> bool:
    """Whether new bronze versions would reuse numbers that silver has read: it would skip their rows."""
    checkpoint = read_checkpoint(lake.in_process.folder, STREAM)
    if checkpoint is None or checkpoint.began < 0:
        return False
    names = [table.sql_name for table in SILVER_SOURCES]
    positions = delta_positions(checkpoint, checkpoint.began, names)
    return any(
        positions[table.sql_name].version > (lake.version(table) if exists else -1)
        for table in SILVER_SOURCES
        if table.sql_name in positions
        for exists in [lake.exists(table)]
    )


def _silver(spark: SparkSession, settings: Settings, clock: Clock, *, accept_loss: bool) -> None:
    lake = SparkLakehouse(settings.root, spark)
    with only_run(settings.shared_ops, "silver", by=_BY):
        stamp = pending_swap(lake.root)
        if stamp is None:
            stamp = _stamp()
            discard_staging(lake.root)
            for table, damage in broken_logs(lake.root, "silver"):
                aside = lake.set_aside(table, stamp=stamp)
                clock.tell(f"{table.sql_name}: {damage.path} is {damage.fault}; the table is kept at {aside}")
            with clock.step("silver: build new tables from bronze", REFINE.awaited):
                refine(spark, settings, target=staging_of(lake, stamp).root)
            _require_all_rows(lake.root, accept_loss=accept_loss)  # from its start on, retention has waited
        else:
            clock.tell(f"an earlier rebuild ({stamp}) was interrupted after it built its tables: finishing it")
        with clock.step("silver: replace the old tables and their checkpoint", "folders to be renamed"):
            swap_in(lake, stamp)
    clock.tell("the old rows stay readable: lakehouse history silver.users, then VERSION AS OF in lakehouse sql")


def _require_all_rows(root: str, *, accept_loss: bool) -> None:
    if accept_loss or pending_swap(root):
        return
    with damage_named(root, repairing="silver"):
        require_whole_logs(root, "bronze")
        require_all_rows(Lakehouse(root))


def require_all_rows(lake: Lakehouse) -> None:
    """Raise InputError if retention has removed rows of bronze that silver was built from."""
    opened = {table.sql_name: lake.delta(table) for table in SILVER_SOURCES if lake.exists(table)}
    lacking = {name: rows for name, table in opened.items() if (rows := retention.removed_rows(table))}
    if lacking:
        since = max(until for name in lacking if (until := retention.removed_until(opened[name])))
        missing = ", ".join(f"{name} lacks {rows:,} rows" for name, rows in lacking.items())
        raise InputError(
            f"bronze can rebuild silver from {since:%Y-%m-%d} on only: of what silver has read, {missing} "
            "(bronze.keep_days)",
            todo="to lose what came from them: lakehouse rebuild silver --accept-loss",
        )


def _stamp() -> str:
    return datetime.now(UTC).strftime("%Y%m%dT%H%M%SZ")
