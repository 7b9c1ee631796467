"""The live files of each table after many small micro-batches, and the cost of compacting them.

    python benchmarks/small_files.py --batches 250 --messages 90

A real broker holds `--batches` times `--messages` messages, in three topics of three partitions. Bronze reads them
in that many micro-batches, each a file per core, and silver one file of bronze per batch. Both streams join small
files in process. Prints for each table its commits, those that compacted files, and its live files: the most at
any version, and at the end. For each stream, the duration of its batches, and the part spent on compaction: how
much longer a batch with compaction took than the median of those around it. Writes
build/benchmarks/small_files.json.
"""

import argparse
import statistics
import tempfile
from collections.abc import Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import NamedTuple

from messages import broker_with_topics, send
from pyspark.sql import SparkSession
from results import write_results
from stream_runs import logged_batches, use_streams_jvm

from bronze.ingest import ingest
from lakehouse.folders import open_folder
from lakehouse.history.log import read_actions, read_commit, table_log, versions
from lakehouse.kafka.client import Cluster
from lakehouse.settings import Settings
from lakehouse.spark.session import spark_session
from lakehouse.tables import BRONZE_EVENTS, SILVER_BATCHES, SILVER_CONTENT, SILVER_USERS, find_table
from silver.refine import refine

# The tables that each stream's batches write.
STREAMS = {"bronze.events": (BRONZE_EVENTS,), "silver": (SILVER_USERS, SILVER_CONTENT, SILVER_BATCHES)}
# The number of batches without compaction to compare with, on each side.
AROUND = 5


class Files(NamedTuple):
    """One table's commits, times of compaction, the most live files of any version, and those of the last."""

    commits: int
    joined_at: list[datetime]
    most: int
    last: int


class Cost(NamedTuple):
    """One stream's batches, those with compaction, the seconds of all, and those spent on compaction."""

    batches: int
    joining: int
    seconds: float
    joining_seconds: float


def run(spark: SparkSession, settings: Settings, cluster: Cluster, *, batches: int, messages: int) -> None:
    """Run both streams on a new root: one micro-batch of a few messages, then `batches` more.

    A silver stream that starts later would read bronze in a few large files: it has to start first, to follow
    bronze commit by commit.
    """
    limited = settings.bronze.model_copy(update={"max_offsets_per_trigger": messages})
    one_file = settings.silver.model_copy(update={"max_bytes_per_trigger": "1b"})
    settings = settings.model_copy(update={"bronze": limited, "silver": one_file})
    send(spark, cluster, settings, first=0, count=messages)
    ingest(spark, settings, cluster)
    refine(spark, settings)
    send(spark, cluster, settings, first=messages, count=(batches - 1) * messages)
    ingest(spark, settings, cluster)
    refine(spark, settings)


def files_of(root: str, table: str) -> Files:
    """The table's files, from its log."""
    log, live, joined_at = table_log(open_folder(root), find_table(table)), [0], []
    commits = versions(log)
    for version in commits:
        live.append(live[-1] + sum(("add" in one) - ("remove" in one) for one in read_actions(log, version)))
        commit = read_commit(log, version)
        if commit.operation == "OPTIMIZE" and commit.written_at is not None:
            joined_at.append(commit.written_at)
    return Files(len(commits), joined_at, max(live), live[-1])


def cost_of(settings: Settings, stream: str, joined_at: Sequence[datetime]) -> Cost:
    took, joining = [], []
    for batch in logged_batches(settings.ops_dir):
        if batch["stream"] == stream and batch["rows"]:
            seconds = batch["durations_ms"]["triggerExecution"] / 1000
            began = datetime.fromisoformat(batch["started_at"])
            joining.append(any(began <= moment <= began + timedelta(seconds=seconds) for moment in joined_at))
            took.append(seconds)
    plain = [number for number, joins in enumerate(joining) if not joins]
    longer = 0.0
    for number in (number for number, joins in enumerate(joining) if joins):
        before = [other for other in plain if other < number][-AROUND:]
        after = [other for other in plain if other > number][:AROUND]
        longer += took[number] - statistics.median(took[other] for other in before + after)
    return Cost(len(took), sum(joining), sum(took), longer)


def report(settings: Settings) -> tuple[dict[str, Files], dict[str, Cost]]:
    files, costs = {}, {}
    print(f"{'':20}{'commits':>9}{'joining':>9}{'most files':>12}{'at the end':>12}")
    for stream, tables in STREAMS.items():
        for table in tables:
            files[table.sql_name] = found = files_of(settings.root, table.sql_name)
            cells = f"{found.commits:9,}{len(found.joined_at):9,}{found.most:12,}{found.last:12,}"
            print(f"{table.sql_name:20}{cells}")
        joined_at = [moment for table in tables for moment in files[table.sql_name].joined_at]
        costs[stream] = cost_of(settings, stream, joined_at)
    print(f"{'':20}{'batches':>9}{'joining':>9}{'s':>12}{'of joining':>12}")
    for stream, cost in costs.items():
        share = cost.joining_seconds / cost.seconds
        cells = f"{cost.batches:9,}{cost.joining:9,}{cost.seconds:12.1f}{cost.joining_seconds:12.1f}"
        print(f"{stream:20}{cells}   {share:.1%} (goal: at most 10 %)")
    return files, costs


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--batches", type=int, default=250, help="of bronze; silver has twice as many")
    parser.add_argument("--messages", type=int, default=90, help="of one micro-batch")
    args = parser.parse_args()
    use_streams_jvm()
    with tempfile.TemporaryDirectory() as folder:
        base = Path(folder)
        with broker_with_topics(base / "lakehouse") as (settings, cluster):
            with spark_session("benchmark", log_file=base / "spark.log") as spark:
                run(spark, settings, cluster, batches=args.batches, messages=args.messages)
            files, costs = report(settings)
    counts = {name: found._replace(joined_at=len(found.joined_at))._asdict() for name, found in files.items()}
    write_results(
        "small_files", {"tables": counts, "streams": {name: cost._asdict() for name, cost in costs.items()}}
    )


if __name__ == "__main__":
    main()
