"""How long commands take to start, with and without the class archive.

    python benchmarks/startup.py --runs 5

Each run starts the commands in turn, each as its own process, on a lakehouse with 300 messages on a real broker:
`--help` and `status`, which need no Spark; a count in SQL; and `run --select bronze` on a root without tables, up
to its first micro-batch. The last two run with the class archive and, with their own SPARK_CONF_DIR, without.
Prints medians, and writes build/benchmarks/startup.json.
"""

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from messages import broker_with_topics
from results import write_results

from lakehouse.settings import conf_dir
from producers.made_up.entities import movie_records, series_records, user_records
from producers.sending.delivery import publish

HELP_GOAL, STATUS_GOAL = 0.3, 5.0
PROGRAM = str(Path(sys.executable).parent / "lakehouse")
WITHOUT = {"SPARK_CONF_DIR": str(conf_dir())}


def timed(variables: dict[str, str], *arguments: str) -> float:
    started = time.monotonic()
    command = [PROGRAM, *arguments]
    done = subprocess.run(command, env={**os.environ, **variables}, capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(f"lakehouse {' '.join(arguments)}: {done.stderr or done.stdout}")
    return time.monotonic() - started


def measure(base: Path, *, runs: int) -> dict[str, list[float]]:
    seconds: dict[str, list[float]] = {}
    with broker_with_topics(base / "lakehouse") as (settings, cluster):
        kafka = settings.kafka
        for topic, records in (
            (kafka.users_topic, user_records(1, 100)),
            (kafka.movies_topic, movie_records(1, 100)),
            (kafka.series_topic, series_records(1, 100)),
        ):
            publish(records, topic=topic, cluster=cluster).require_complete(topic)
        own = {"LAKEHOUSE_ROOT": settings.root, "LAKEHOUSE_KAFKA__BOOTSTRAP_SERVERS": cluster.bootstrap}
        for layer in ("bronze", "silver"):
            timed(own, "run", "--select", layer)  # the first run creates the archive
        count = ("sql", "SELECT count(*) FROM silver.users")
        first = ("run", "--select", "bronze")
        for number in range(runs):
            new = [{**own, "LAKEHOUSE_ROOT": str(base / f"root{number}{kind}")} for kind in "ab"]
            for name, took in (
                ("--help", timed(own, "--help")),
                ("status", timed(own, "status")),
                ("sql", timed(own, *count)),
                ("sql, no archive", timed(own | WITHOUT, *count)),
                ("run --select bronze", timed(new[0], *first)),
                ("run --select bronze, no archive", timed(new[1] | WITHOUT, *first)),
            ):
                seconds.setdefault(name, []).append(took)
    return seconds


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=5)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as base:
        seconds = measure(Path(base), runs=args.runs)
    print(f"{'lakehouse ...':40}{'median':>9}{'min':>9}{'max':>9}")
    for name, values in seconds.items():
        shown = (statistics.median(values), min(values), max(values))
        print(f"{name + ' (s)':40}" + "".join(f"{value:9.2f}" for value in shown))
    print(f"goals: --help under {HELP_GOAL} s, status under {STATUS_GOAL} s")
    write_results("startup", seconds)


if __name__ == "__main__":
    main()
