"""What it costs that a commit is on the disk when it is visible: micro-batches of both streams, three ways.

    python benchmarks/durability.py --rows 1000 --batches 12 --rounds 2

A real broker, bronze in micro-batches of --rows messages, and silver in the same ones, in process and by Spark.
The references are the same without waiting for the disk (`durable = false`), and Spark's and Delta's own classes.
Each round runs each way in a process of its own; its first batches do not count. Prints what the disk alone takes
and the medians of each process, and writes build/benchmarks/durability.json.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path

from messages import broker_with_topics
from micro_batches import Batch, Case, measure, phase_ms
from results import write_results
from stream_runs import use_streams_jvm

from lakehouse.spark.session import spark_session

OWN = {
    "spark.delta.logStore.file.impl": "io.delta.storage.HDFSLogStore",
    "spark.sql.streaming.checkpointFileManagerClass": (
        "org.apache.spark.sql.execution.streaming.checkpointing.FileContextBasedCheckpointFileManager"
    ),
}
# The value of the setting `durable`, and Spark's settings.
WAYS: Mapping[str, tuple[str, Mapping[str, str]]] = {
    "durable": ("true", {}),
    "not durable": ("false", {}),
    "Spark's and Delta's own": ("false", OWN),
}
PHASES = ("walCommit", "addBatch", "commitOffsets")
HELD = 5_000


def batches_of(rows: int, batches: int) -> dict[str, list[Batch]]:
    """The batches of both streams in this process, by stream."""
    use_streams_jvm()
    with (
        tempfile.TemporaryDirectory() as folder,
        spark_session("benchmark", log_file=Path(folder, "spark.log")) as spark,
        broker_with_topics(Path(folder, "broker")) as (settings, cluster),
    ):
        case = Case(rows, HELD)
        found = measure(spark, settings, cluster, Path(folder), case, batches=batches, rounds=1)
    return dict(found.batches)


def run_way(way: str, options: argparse.Namespace) -> dict[str, list[Batch]]:
    """The same in a process of its own."""
    durable, settings = WAYS[way]
    given = [part for name, value in settings.items() for part in ("--conf", f"{name}={value}")]
    arguments = " ".join(["--properties-file conf/spark-defaults.conf", *given, "pyspark-shell"])
    command = [sys.executable, __file__, "--one", "--rows", str(options.rows), "--batches", str(options.batches)]
    done = subprocess.run(
        command,
        env={**os.environ, "LAKEHOUSE_DURABLE": durable, "PYSPARK_SUBMIT_ARGS": arguments},
        stdout=subprocess.PIPE,
        check=True,
        text=True,
    )
    told = json.loads(done.stdout.splitlines()[-1])
    return {stream: [Batch(*batch) for batch in batches] for stream, batches in told.items()}


def sync_ms(folder: Path) -> float:
    """The median of what one new file of 2 KB takes to be on the disk."""
    took = []
    for number in range(50):
        with (folder / str(number)).open("wb") as file:
            file.write(b"x" * 2_000)
            file.flush()
            began = time.perf_counter()
            os.fsync(file.fileno())
            took.append(time.perf_counter() - began)
    return 1000 * statistics.median(took)


def show(way: str, found: Mapping[str, list[Batch]]) -> None:
    for stream, batches in found.items():
        cells = "".join(f"{phase_ms(batches, phase):14,.0f}" for phase in ("triggerExecution", *PHASES))
        used = statistics.median(batch.cpu_seconds for batch in batches)
        print(f"{way:25}{stream:12}{len(batches):9}{used:8.2f}{cells}", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=1_000, help="of one micro-batch")
    parser.add_argument("--batches", type=int, default=12, help="that count, in each round")
    parser.add_argument("--rounds", type=int, default=1, help="of all ways")
    parser.add_argument("--one", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.one:
        print(json.dumps(batches_of(options.rows, options.batches)))
        return
    with tempfile.TemporaryDirectory() as folder:
        alone = sync_ms(Path(folder))
    print(f"one new file of 2 KB is on the disk after {alone:.1f} ms (median)")
    phases = "".join(f"{name:>14}" for name in ("ms", *PHASES))
    print(f"{'medians':25}{'stream':12}{'batches':>9}{'CPU s':>8}{phases}")
    runs = []
    for way in [*WAYS] * options.rounds:
        found = run_way(way, options)
        show(way, found)
        runs.append({"way": way, "batches": found})
    write_results("durability", {"sync_ms": alone, "runs": runs})


if __name__ == "__main__":
    main()
