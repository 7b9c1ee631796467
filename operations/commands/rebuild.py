"""`lakehouse rebuild LAYER`: rebuild a layer from the one before it, swapped in only when it is complete."""

import argparse
from datetime import UTC, datetime

from pyspark.sql import SparkSession
from rich.console import Console

from bronze.start import rebuild_checkpoints
from lakehouse import storage
from lakehouse.broker.embedded import kafka_cluster
from lakehouse.errors import InputError
from lakehouse.history.damage import broken_logs
from lakehouse.locks import only_run
from lakehouse.rebuilding import discard_staging, pending_swap, staging_root, swap_in
from lakehouse.settings import Settings
from lakehouse.spark.checkpoints import delta_positions, read_checkpoint, set_aside
from operations.call import Call
from operations.pipeline.steps import Clock, anew, broker_for, run_steps, selected
from silver.refine import SOURCES, STREAM, refine


def run(args: argparse.Namespace, call: Call) -> int:
    if args.accept_loss and args.layer != "bronze":
        raise InputError(f"--accept-loss with {args.layer}", todo="it is for bronze: only Kafka drops records")
    settings = call.settings
    clock = Clock(Console())
    with call.spark() as spark:
        if args.layer == "bronze":
            _bronze(spark, settings, clock, accept_loss=args.accept_loss)
        elif args.layer == "silver":
            _silver(spark, settings, clock)
        else:
            steps = anew(selected("gold"))
            with broker_for(steps, settings) as cluster:
                run_steps(steps, spark, settings, cluster, clock)
    return 0


def _bronze(spark: SparkSession, settings: Settings, clock: Clock, *, accept_loss: bool) -> None:
    """Keep bronze's rows, and rebuild only the positions of its streams, from those rows."""
    root, stamp = settings.root, _stamp()
    with kafka_cluster(settings.kafka, root) as cluster, only_run(settings.ops_dir, "bronze"):
        for line in rebuild_checkpoints(spark, settings, cluster, stamp=stamp, accept_loss=accept_loss):
            clock.tell(line)
        if _silver_has_read_more(spark, root):
            with only_run(settings.ops_dir, "silver"):
                set_aside(spark, root, STREAM, stamp=stamp)
            clock.tell("silver has read rows that bronze no longer has: lakehouse run --select bronze, then:")
            clock.tell("lakehouse rebuild silver")


def _silver_has_read_more(spark: SparkSession, root: str) -> bool:
    """Whether new bronze versions would reuse numbers that silver has read: it would skip their rows."""
    checkpoint = read_checkpoint(spark, root, STREAM)
    if checkpoint is None or checkpoint.began < 0:
        return False
    names = [table.sql_name for table in SOURCES]
    positions = delta_positions(spark, checkpoint, checkpoint.began, names)
    return any(
        positions[table.sql_name].version > (storage.latest_version(spark, root, table) if exists else -1)
        for table in SOURCES
        if table.sql_name in positions
        for exists in [storage.exists(spark, root, table)]
    )


def _silver(spark: SparkSession, settings: Settings, clock: Clock) -> None:
    root = settings.root
    with only_run(settings.ops_dir, "silver"):
        stamp = pending_swap(root)
        if stamp is None:
            stamp = _stamp()
            discard_staging(spark, root)
            for table, damage in broken_logs(root, "silver"):
                aside = storage.set_aside(spark, root, table, stamp=stamp)
                clock.tell(f"{table.sql_name}: {damage.path} is {damage.fault}; the table is kept at {aside}")
            with clock.step("silver: make it anew from bronze, beside the old one"):
                refine(spark, settings, target=staging_root(root, stamp))
        else:
            clock.tell(f"an earlier rebuild was interrupted after its tables were made ({stamp}): finishing it")
        with clock.step("silver: swap the new tables and their checkpoint in"):
            swap_in(spark, root, stamp)
    clock.tell("the old rows stay readable: lakehouse history silver.users, and VERSION AS OF in lakehouse sql")


def _stamp() -> str:
    return datetime.now(UTC).strftime("%Y%m%dT%H%M%SZ")
