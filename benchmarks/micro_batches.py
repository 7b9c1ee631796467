"""One warm micro-batch of each stream: its duration by phases, its processor time and its Spark jobs.

    python benchmarks/micro_batches.py --rows 1000 10000
    python benchmarks/micro_batches.py --rows 1000 5000 20000 50000 --held 50000 500000 --batches 6

A real broker, bronze in micro-batches of --rows messages, and silver in the same ones: in process and, as the
reference, by Spark (`silver.in_process_rows = 0`), in turn, each time on the same bronze and on a copy of the same
silver, which holds --held users and titles. Every other message updates one of those, spread evenly over them; the
others are new. All of it runs in one JVM with spark-submit's options, after a first case that warms up. Prints the
medians of the batches of all rounds, without the first ones of each, and writes
build/benchmarks/micro_batches.json.
"""

import argparse
import os
import shutil
import statistics
import tempfile
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from hashlib import sha256
from itertools import product
from pathlib import Path
from typing import NamedTuple

import pyarrow as pa
from messages import broker_with_topics, send
from process_tree import cpu_seconds
from pyspark.sql import SparkSession
from pyspark.sql.streaming.listener import (
    QueryIdleEvent,
    QueryProgressEvent,
    QueryStartedEvent,
    QueryTerminatedEvent,
    StreamingQueryListener,
)
from results import write_results
from stream_runs import use_streams_jvm

from bronze.ingest import ingest
from lakehouse import Lakehouse
from lakehouse.kafka.client import Cluster
from lakehouse.settings import Settings
from lakehouse.spark.session import spark_session
from lakehouse.tables import BRONZE_EVENTS, SILVER_CONTENT, SILVER_USERS
from silver.refine import refine
from silver.sizes import size_of
from silver.small_batch import STATE, open_tables

LATER = "2025-07-01T00:00:00.000Z"
PROCESS, SPARK = "in process", "by Spark"
WAYS: Mapping[str, Mapping[str, object]] = {
    PROCESS: {"in_process_rows": 1_000_000_000, "in_process_table_bytes": "1t"},
    SPARK: {"in_process_rows": 0},
}
# Of each start of a stream, these batches do not count.
FIRST = 3
# The tables of users, movies and series, as `messages` numbers them, and the columns of their names.
FILLED = ((SILVER_USERS, "nombre_usuario"), (SILVER_CONTENT, "titulo"), (SILVER_CONTENT, "titulo"))
# How many rows are added to silver at once.
CHUNK = 200_000
# In the order of Spark's work; the rest of a trigger is in none of them.
PHASES = ("latestOffset", "getBatch", "queryPlanning", "walCommit", "addBatch", "commitOffsets", "commitBatch")


class Batch(NamedTuple):
    """One micro-batch: phases in ms, Spark jobs, and the processor seconds since the one before it."""

    stream: str
    rows: int
    phases: Mapping[str, int]
    jobs: int
    cpu_seconds: float


class Meter(StreamingQueryListener):
    """Collects the batches of the streams that run while it listens."""

    def __init__(self, spark: SparkSession) -> None:
        self._jobs, self.batches = spark.sparkContext.statusTracker(), list[Batch]()
        self._used, self._started = cpu_seconds(os.getpid()), Counter[str]()

    def onQueryStarted(self, event: QueryStartedEvent) -> None:  # noqa: N802 - Spark's name
        pass

    def onQueryProgress(self, event: QueryProgressEvent) -> None:  # noqa: N802 - Spark's name
        progress, used = event.progress, cpu_seconds(os.getpid())
        run = str(progress.runId)
        jobs = len(self._jobs.getJobIdsForGroup(run))
        if progress.numInputRows:
            phases, started = dict(progress.durationMs), jobs - self._started[run]
            batch = Batch(progress.name, progress.numInputRows, phases, started, used - self._used)
            self.batches.append(batch)
        self._used, self._started[run] = used, jobs

    def onQueryIdle(self, event: QueryIdleEvent) -> None:  # noqa: N802 - Spark's name
        pass

    def onQueryTerminated(self, event: QueryTerminatedEvent) -> None:  # noqa: N802 - Spark's name
        pass


@contextmanager
def metered(spark: SparkSession, found: list[Batch], stream: str) -> Iterator[None]:
    """Add the batches that the stream runs inside, but the first ones."""
    meter = Meter(spark)
    spark.streams.addListener(meter)
    try:
        yield
    finally:
        spark.streams.removeListener(meter)
    found += [batch for batch in meter.batches if batch.stream == stream][FIRST:]


class Case(NamedTuple):
    """The rows of each micro-batch, and those that silver holds before."""

    rows: int
    held: int


class Result(NamedTuple):
    """The batches of a case, and the bytes of silver's largest table before them."""

    case: Case
    largest: int
    batches: Mapping[str, list[Batch]]


def at(settings: Settings, root: Path, way: str = PROCESS, *, rows: int, bronze_bytes: int = 1) -> Settings:
    """The settings with which both streams take that many rows per micro-batch."""
    bronze = settings.bronze.model_copy(update={"max_offsets_per_trigger": rows})
    taken = {"max_bytes_per_trigger": f"{bronze_bytes}b", **WAYS[way]}
    silver = settings.silver.model_copy(update=taken)
    return settings.model_copy(update={"root": str(root), "bronze": bronze, "silver": silver})


def prepare(
    spark: SparkSession, settings: Settings, cluster: Cluster, base: Path, case: Case, *, batches: int
) -> tuple[list[Batch], int]:
    """Two roots: `first`, whose silver holds what the case says; `whole`, whose bronze has the batches to come.

    Returns bronze's batches, and how many bytes of it silver takes at once.
    """
    first, whole, found = base / "first", base / "whole", list[Batch]()
    send(spark, cluster, settings, first=0, count=case.rows)
    ingest(spark, at(settings, first, rows=case.rows), cluster)
    refine(spark, at(settings, first, rows=case.rows, bronze_bytes=1 << 40))
    fill(Lakehouse(first), first=case.rows, end=case.held)
    shutil.copytree(first, whole)
    start, count = max(case.held, case.rows), batches * case.rows
    send(spark, cluster, settings, first=start, count=count, timestamp=LATER, updated=case.held)
    with metered(spark, found, BRONZE_EVENTS.sql_name):
        ingest(spark, at(settings, whole, rows=case.rows), cluster)
    opened = Lakehouse(whole).delta(BRONZE_EVENTS)
    # bronze writes two files per micro-batch: silver takes a second one if the first is smaller than this
    return found, round(size_of(opened) / len(opened.file_uris()) * 1.5)


def measure(
    spark: SparkSession, settings: Settings, cluster: Cluster, base: Path, case: Case, *, batches: int, rounds: int
) -> Result:
    """The batches of bronze, and those of silver each way."""
    bronze, taken = prepare(spark, settings, cluster, base, case, batches=batches + FIRST)
    found: dict[str, list[Batch]] = {way: [] for way in WAYS}
    for number in range(rounds):
        for way in WAYS:
            root, counted = base / f"{way}-{number}", list[Batch]()
            shutil.copytree(base / "first", root, ignore=shutil.ignore_patterns("bronze"))
            shutil.copytree(base / "whole" / "bronze", root / "bronze", copy_function=os.link)
            with metered(spark, counted, "silver"):
                refine(spark, at(settings, root, way, rows=case.rows, bronze_bytes=taken))
            found[way] += counted
    opened = open_tables(Lakehouse(base / "first"))
    largest = max(size_of(opened[table.name]) for table in STATE.values())
    return Result(case, largest, {"bronze": bronze, **found})


def fill(lake: Lakehouse, *, first: int, end: int) -> None:
    """Add users and titles of the ids from `first` to `end`, as if sent, each with a name of its own.

    With the patterns' names, half a million rows would compress to 4 MB.
    """
    for place, (table, name) in enumerate(FILLED):
        kind = str(place + 1)
        patterns = lake.read(table, where=f"id LIKE '{kind}%'")
        numbers = range(first + (place - first) % len(FILLED), end, len(FILLED))
        for start in range(0, len(numbers), CHUNK):
            part = numbers[start : start + CHUNK]
            rows = patterns.take(pa.array([number % len(patterns) for number in part]))
            ids = [f"{kind}{number}" for number in part]
            names = [sha256(id_.encode()).hexdigest() for id_ in ids]
            lake.append(table, with_texts(rows, {"id": ids, name: names}))


def with_texts(rows: pa.Table, texts: Mapping[str, Sequence[str]]) -> pa.Table:
    for name, values in texts.items():
        rows = rows.set_column(rows.schema.get_field_index(name), name, pa.array(values))
    return rows


def show(result: Result) -> None:
    for name, batches in result.batches.items():
        rows = statistics.median(batch.rows for batch in batches)
        jobs = statistics.median(batch.jobs for batch in batches)
        used = statistics.median(batch.cpu_seconds for batch in batches)
        took = [f"{phase_ms(batches, phase):14,.0f}" for phase in PHASES]
        held = f"{result.case.held:10,}{result.largest / 1e6:7.1f}"
        cells = f"{rows:8,.0f}{held}{len(batches):9}{jobs:6.0f}{used:8.2f}"
        print(f"{name:14}{cells}{phase_ms(batches, 'triggerExecution'):8,.0f}{''.join(took)}", flush=True)


def phase_ms(batches: Sequence[Batch], phase: str) -> float:
    return statistics.median(batch.phases.get(phase, 0) for batch in batches)


def run(options: argparse.Namespace) -> Iterator[Result]:
    """Each case with a broker and roots of its own, in one JVM; the first one also before, to warm up."""
    cases = [Case(rows, held) for rows, held in product(options.rows, options.held)]
    with (
        tempfile.TemporaryDirectory() as folder,
        spark_session("benchmark", log_file=Path(folder, "spark.log")) as spark,
    ):
        for number, case in enumerate([cases[0], *cases]):
            base = Path(folder, str(number))
            with broker_with_topics(base / "broker") as (settings, cluster):
                batches, rounds = (options.batches, options.rounds) if number else (1, 1)
                found = measure(spark, settings, cluster, base, case, batches=batches, rounds=rounds)
            shutil.rmtree(base)
            if number:
                yield found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, nargs="+", default=[1_000, 10_000], help="of one micro-batch")
    parser.add_argument("--held", type=int, nargs="+", default=[54_000], help="users and titles in silver before")
    parser.add_argument("--batches", type=int, default=12, help="that count, in each round")
    parser.add_argument("--rounds", type=int, default=1, help="of both ways")
    options = parser.parse_args()
    use_streams_jvm()
    phases = "".join(f"{name:>14}" for name in PHASES)
    print(f"{'medians':14}{'rows':>8}{'held':>10}{'MB':>7}{'batches':>9}{'jobs':>6}{'CPU s':>8}{'ms':>8}{phases}")
    results = []
    for result in run(options):
        show(result)
        results.append(result)
    write_results(
        "micro_batches",
        [
            {
                **result.case._asdict(),
                "largest": result.largest,
                "batches": {name: [batch._asdict() for batch in found] for name, found in result.batches.items()},
            }
            for result in results
        ],
    )


if __name__ == "__main__":
    main()
