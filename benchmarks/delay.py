"""How long until a user sent to Kafka can be read in silver.users, while both streams run.

    python benchmarks/delay.py --rates 1350 --seconds 180
    python benchmarks/delay.py --rates 675 1350 2700 --seconds 60
    python benchmarks/delay.py --up --trigger 2

A real broker; `spark-submit bronze/ingest.py` and `spark-submit silver/refine.py`, each its own process with a
continuous trigger, or with --up both in one `lakehouse up --no-producers`, where gold has nothing to do without
feedback; users, movies and series in equal parts, about 370 bytes each, at the given rates in messages per second,
one after the other, each after a warm-up that does not count. Every message is a new entity, which silver appends,
except for a share of --updates, which it merges. Later rates find larger tables.

A user's delay is the time from its record's Kafka timestamp to the commit of silver.users that contains it (the
change feed's `_commit_timestamp`). It is level if the second half's median is at most a quarter above the first
half's. Prints the rate reached, percentiles and batch durations, and writes build/benchmarks/delay.json.
"""

import argparse
import json
import os
import signal
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from datetime import datetime
from itertools import count, islice
from pathlib import Path
from typing import NamedTuple

from messages import PATTERNS, broker_with_topics
from pyspark.sql import SparkSession
from pyspark.sql import functions as F
from results import write_results
from stream_runs import logged_batches

from lakehouse.jvm.java import find_java
from lakehouse.kafka.client import Cluster
from lakehouse.settings import Settings
from lakehouse.spark.lakehouse import SparkLakehouse
from lakehouse.spark.session import spark_session
from lakehouse.tables import SILVER_USERS
from producers.made_up.entities import movie_records, series_records, user_records
from producers.sending.delivery import Delivery, publish
from producers.sending.records import Record

# About how many messages lie between an update and the message that first sent its id.
AGO = 1_000
# The same for all, so that the later Kafka record wins.
EVENT_TIME = "2025-06-01T00:00:00.000Z"
LEVEL = 1.25
GOALS = "p50 at most 2 s, p95 at most 4 s"
SUBMIT = ("spark-submit", "--properties-file", "conf/spark-defaults.conf")
# For a stream's first batch, and for catching up.
PATIENCE_SECONDS = 300.0


class Interval(NamedTuple):
    """Messages per second, wanted and reached, and the Kafka times in ms between which messages count."""

    rate: int
    reached: float
    began: int
    ended: int


def commands(trigger: float, *, up: bool) -> dict[str, Sequence[str]]:
    """The commands to start, in order: one per stream, or one for both."""
    if up:
        return {"up": ("lakehouse", "up", "--no-producers")}
    jobs = {"bronze": "bronze/ingest.py", "silver": "silver/refine.py"}
    return {name: (*SUBMIT, job, "--trigger", f"{trigger:g}s") for name, job in jobs.items()}


@contextmanager
def running(settings: Settings, cluster: Cluster, logs: Path, trigger: float, *, up: bool) -> Iterator[None]:
    """Both streams, past their first batch, stopped by SIGTERM at the end."""
    variables = {
        **os.environ,
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        "JAVA_HOME": str(find_java().home),
        "LAKEHOUSE_ROOT": settings.root,
        "LAKEHOUSE_KAFKA__BOOTSTRAP_SERVERS": cluster.bootstrap,
        "LAKEHOUSE_UP__TRIGGER_SECONDS": str(trigger),
    }
    streams = []
    started = commands(trigger, up=up)
    try:
        for name, command in started.items():
            with (logs / f"{name}.log").open("wb") as log:
                streams.append(subprocess.Popen(command, env=variables, stdout=log, stderr=log))
            await_batch(settings, "silver." if up else f"{name}.", streams[-1], logs / f"{name}.log")
        yield
    finally:
        for stream in streams:
            stream.send_signal(signal.SIGTERM)
        codes = [ended(stream) for stream in streams]
    if any(codes):
        sys.exit("\n".join((logs / f"{name}.log").read_text()[-2000:] for name in started))


def ended(stream: "subprocess.Popen[bytes]") -> int:
    """The exit code of a stream that was asked to stop."""
    try:
        return stream.wait(timeout=PATIENCE_SECONDS)
    except subprocess.TimeoutExpired:
        stream.kill()
        return stream.wait()


def await_batch(settings: Settings, prefix: str, stream: "subprocess.Popen[bytes]", log: Path) -> None:
    """Wait until the stream has finished its first batch."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not any(f"{batch['stream']}.".startswith(prefix) for batch in logged_batches(settings.ops_dir)):
        if stream.poll() is not None or time.monotonic() > deadline:
            sys.exit(f"no batch of {prefix}: {log.read_text()[-2000:]}")
        time.sleep(0.2)


class Sender:
    """Sends users, movies and series that repeat 2,000 patterns each, under new ids."""

    def __init__(self, settings: Settings, cluster: Cluster, updates: float) -> None:
        kafka = settings.kafka
        self._cluster, self._updates, self.sent = cluster, updates, 0
        self._records = {
            kafka.users_topic: self._endless("u", user_records(1, PATTERNS)),
            kafka.movies_topic: self._endless("m", movie_records(1, PATTERNS)),
            kafka.series_topic: self._endless("s", series_records(1, PATTERNS)),
        }

    def send(self, rate: int, seconds: float) -> float:
        """Send at that rate for that many seconds, all three kinds at once; returns the rate reached."""
        found: list[Delivery] = []

        def one(topic: str) -> None:
            records = islice(self._records[topic], round(rate * seconds / len(self._records)))
            third = rate / len(self._records)
            found.append(publish(records, topic=topic, cluster=self._cluster, rate=third))

        threads = [threading.Thread(target=one, args=(topic,)) for topic in self._records]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        for delivery in found:
            delivery.require_complete("benchmark")
        self.sent += sum(delivery.delivered for delivery in found)
        return sum(delivery.rate for delivery in found)

    def _endless(self, kind: str, patterns: Iterator[Record]) -> Iterator[Record]:
        """Records with the current Kafka time. The first ones in each hundred update an id sent a while before."""
        fields = [{**json.loads(record.value or b""), "timestamp": EVENT_TIME} for record in patterns]
        for number in count(1):
            updates = number > AGO and number % 100 < self._updates * 100
            identity = f"{kind}{number - number % 100 + 99 - AGO if updates else number:09d}"
            value = json.dumps({**fields[number % PATTERNS], "id": identity}, ensure_ascii=False)
            yield Record(key=identity.encode(), value=value.encode(), timestamp_ms=None)


def await_drained(settings: Settings, sent: int) -> None:
    """Wait until silver has processed as many rows as were sent."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    taken = 0
    while taken < sent:
        if time.monotonic() > deadline:
            sys.exit(f"silver has taken {taken:,} of {sent:,} rows after {PATIENCE_SECONDS:g} s")
        time.sleep(0.5)
        taken = sum(batch["rows"] for batch in logged_batches(settings.ops_dir) if batch["stream"] == "silver")


def drive(
    sender: Sender, settings: Settings, streams: AbstractContextManager[None], options: argparse.Namespace
) -> list[Interval]:
    """Send at each rate while both streams run; returns the interval that counts for each."""
    intervals = []
    sender.send(rate=300, seconds=1)
    with streams:
        for rate in options.rates:
            began = round((time.time() + options.warm_up) * 1000)
            reached = sender.send(rate, options.warm_up + options.seconds)
            intervals.append(Interval(rate, reached, began, round(time.time() * 1000)))
            await_drained(settings, sender.sent)
    return intervals


def delays(lake: SparkLakehouse, interval: Interval) -> list[tuple[int, float]]:
    """Kafka's time in ms and the delay in seconds of each user of the interval."""
    changes = lake.changes(SILVER_USERS, after=-1, up_to=lake.version(SILVER_USERS))
    made = changes.filter("_change_type IN ('insert', 'update_postimage')")
    rows = made.select(
        F.unix_millis("kafka_timestamp").alias("sent"), F.unix_millis("_commit_timestamp").alias("readable")
    )
    found = rows.filter(F.col("sent").between(interval.began, interval.ended)).collect()
    return sorted((row["sent"], (row["readable"] - row["sent"]) / 1000) for row in found)


def report(spark: SparkSession, settings: Settings, intervals: list[Interval]) -> list[dict[str, float | None]]:
    results = []
    percentiles = "".join(f"{name:>8}" for name in ("p50 s", "p95 s", "max s"))
    print(f"{'messages/s':>10}{'reached':>9}{'users':>9}{percentiles}{'level':>7}{'bronze':>8}{'silver':>8}")
    for interval in intervals:
        found = delays(SparkLakehouse(settings.root, spark), interval)
        values = sorted(delay for _, delay in found)
        halves = [delay for _, delay in found[: len(found) // 2]], [delay for _, delay in found[len(found) // 2 :]]
        growth = statistics.median(halves[1]) / statistics.median(halves[0])
        took = {layer: batch_seconds(settings, layer, interval) for layer in ("bronze.events", "silver")}
        result: dict[str, float | None] = {
            "rate": interval.rate,
            "reached": interval.reached,
            "users": len(values),
            "p50": values[len(values) // 2],
            "p95": values[len(values) * 95 // 100],
            "max": values[-1],
            "growth": growth,
            **took,
        }
        results.append(result)
        shown = "".join(f"{result[name]:8.1f}" for name in ("p50", "p95", "max"))
        level = "yes" if growth <= LEVEL else "no"
        batch = "".join("    none" if value is None else f"{value:8.1f}" for value in took.values())
        print(f"{interval.rate:10,}{interval.reached:9,.0f}{len(values):9,}{shown}{level:>7}{batch}")
    return results


def batch_seconds(settings: Settings, stream: str, interval: Interval) -> float | None:
    """The median duration of the stream's batches that began in the interval; None if none did."""
    took = []
    for batch in logged_batches(settings.ops_dir):
        began = datetime.fromisoformat(batch["started_at"]).timestamp() * 1000
        if batch["stream"] == stream and interval.began <= began <= interval.ended:
            took.append(batch["durations_ms"]["triggerExecution"] / 1000)
    return statistics.median(took) if took else None


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--rates", type=int, nargs="+", default=[1350], help="messages per second, one after the other"
    )
    parser.add_argument("--seconds", type=float, default=180)
    parser.add_argument("--warm-up", type=float, default=60, help="seconds at each rate that do not count")
    parser.add_argument("--trigger", type=float, default=0.0, help="seconds between batches of a stream")
    parser.add_argument("--up", action="store_true", help="both streams in one process")
    parser.add_argument("--updates", type=float, default=0.0, help="share of messages about an id sent before")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        base = Path(folder)
        with broker_with_topics(base / "lakehouse") as (settings, cluster):
            sender = Sender(settings, cluster, options.updates)
            streams = running(settings, cluster, base, options.trigger, up=options.up)
            intervals = drive(sender, settings, streams, options)
        with spark_session("benchmark", log_file=base / "spark.log") as spark:
            results = report(spark, settings, intervals)
    print(f"goals at 1,350 messages per second: {GOALS}")
    write_results("delay", results)


if __name__ == "__main__":
    main()
