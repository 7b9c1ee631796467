"""Each layer as its own spark-submit, by the README's own lines, and what a wrong start says."""

import os
import shlex
import signal
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest
from pyspark.sql import SparkSession

from bronze.ingest import ingest
from lakehouse import storage
from lakehouse.kafka_client import configured_cluster
from lakehouse.settings import Settings
from lakehouse.tables import (
    CATALOGUE,
    GOLD_POWERBI,
    GOLD_RECOMMENDATIONS,
    GOLD_TRIALS,
    SILVER_CONTENT,
    SILVER_FEEDBACK,
    SILVER_QUARANTINE,
    SILVER_USERS,
)
from lakehouse.topics import ensure_topics
from producers.activity import feedback_records
from producers.delivery import publish
from producers.entities import movie_records, series_records, user_records
from tests.support.folders import PROJECT
from tests.support.processes import TIMEOUT, await_condition, fast_jvm
from tests.support.quick_models import QUICK_MODELS
from tests.support.readme import readme_commands

BIN = Path(sys.executable).parent
SUBMIT = "spark-submit --properties-file conf/spark-defaults.conf"


def environment(settings: Settings) -> dict[str, str]:
    """The variables that point a job at this test's broker, topics and root, and nothing of the shell's own."""
    fields = ("bootstrap_servers", "users_topic", "movies_topic", "series_topic", "feedback_topic")
    own = {f"LAKEHOUSE_KAFKA__{name.upper()}": getattr(settings.kafka, name) for name in fields}
    unset = ("LAKEHOUSE_", "SPARK_", "PYSPARK_")
    others = {name: value for name, value in os.environ.items() if not name.startswith(unset)}
    return {
        **others,
        **fast_jvm(),
        **QUICK_MODELS,
        **own,
        "LAKEHOUSE_ROOT": settings.root,
        "PATH": f"{BIN}{os.pathsep}{os.environ['PATH']}",
    }


def submit(command: str, variables: Mapping[str, str]) -> subprocess.CompletedProcess[str]:
    program, *arguments = shlex.split(command)
    return subprocess.run(
        [str(BIN / program), *arguments],
        cwd=PROJECT,
        env=dict(variables),
        capture_output=True,
        text=True,
        timeout=TIMEOUT,
        check=False,
    )


def told(done: subprocess.CompletedProcess[str]) -> str:
    """The one line that says what is wrong; Spark's own log lines around it do not count.

    spark-submit runs Python with its two outputs in one, so the job's stderr arrives on stdout.
    """
    printed = done.stdout + done.stderr
    lines = [line for line in printed.splitlines() if line.startswith("lakehouse:")]
    assert len(lines) == 1, printed
    assert "Traceback" not in printed
    return lines[0]


def test_each_layer_is_a_spark_submit(spark: SparkSession, settings: Settings) -> None:
    kafka, cluster = settings.kafka, configured_cluster(settings.kafka)
    ensure_topics(cluster, kafka.topics, partitions=1, replication_factor=1, timeout_seconds=20)
    for topic, records in (
        (kafka.users_topic, user_records(1, 30)),
        (kafka.movies_topic, movie_records(1, 25)),
        (kafka.series_topic, series_records(1, 15)),
        (kafka.feedback_topic, feedback_records(1, 200, users=30, movies=25, series=15)),
    ):
        publish(records, topic=topic, cluster=cluster).require_complete(topic)
    submits = [line for line in readme_commands() if line.startswith("spark-submit ")]
    for command in submits:
        done = submit(command, environment(settings))
        assert done.returncode == 0, f"{command}: {done.stderr[-3000:]}"
    # each layer's jobs were among them; trials are there once somebody has searched for parameters
    assert all(storage.exists(spark, settings.root, table) for table in CATALOGUE if table != GOLD_TRIALS)
    rows = {
        table.name: storage.read(spark, settings.root, table).count()
        for table in (SILVER_USERS, SILVER_CONTENT, SILVER_FEEDBACK, SILVER_QUARANTINE)
    }
    assert rows == {"users": 30, "content": 40, "feedback": 200, "quarantine": 0}
    recommended = storage.read(spark, settings.root, GOLD_RECOMMENDATIONS)
    assert recommended.select("user_id").distinct().count() == 30
    assert storage.read(spark, settings.root, GOLD_POWERBI).count() == recommended.count()


def to_the_jvm_alone(stream: subprocess.Popen[str]) -> None:
    stream.send_signal(signal.SIGTERM)


def to_the_whole_group(stream: subprocess.Popen[str]) -> None:
    """As a terminal does on Ctrl-C."""
    os.killpg(stream.pid, signal.SIGINT)


@pytest.mark.parametrize("stop", [to_the_jvm_alone, to_the_whole_group])
@pytest.mark.parametrize("job", ["bronze/ingest.py", "silver/refine.py"])
def test_a_stream_is_stopped_in_order(
    spark: SparkSession, settings: Settings, job: str, stop: Callable[[subprocess.Popen[str]], None]
) -> None:
    """Bronze after a batch, silver in the middle of one."""
    kafka, cluster = settings.kafka, configured_cluster(settings.kafka)
    ensure_topics(cluster, kafka.topics, partitions=1, replication_factor=1, timeout_seconds=20)
    publish(user_records(1, 30), topic=kafka.users_topic, cluster=cluster).require_complete("users")
    if job == "silver/refine.py":
        ingest(spark, settings, cluster)
    begun = {
        "bronze/ingest.py": settings.ops_dir / "stream_progress.jsonl",
        "silver/refine.py": Path(storage.checkpoint_path(settings.root, "silver")) / "offsets" / "0",
    }
    program, *arguments = shlex.split(f"{SUBMIT} {job} --trigger 200ms")
    with subprocess.Popen(
        [str(BIN / program), *arguments],
        cwd=PROJECT,
        env=environment(settings),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    ) as stream:
        try:
            await_condition(lambda: stream.poll() is not None or begun[job].exists(), "the first batch")
            stop(stream)
            said, _ = stream.communicate(timeout=TIMEOUT)
        finally:
            if stream.poll() is None:
                os.killpg(stream.pid, signal.SIGKILL)
    assert stream.returncode == 0, said
    assert "Traceback" not in said
    assert "terminated with error" not in said  # Spark's line of a query that failed


def test_silver_without_bronze_says_what_to_do(settings: Settings) -> None:
    done = submit(f"{SUBMIT} silver/refine.py", environment(settings))
    assert done.returncode == 2
    assert told(done) == (
        f"lakehouse: table bronze.events does not exist under {settings.root}; "
        "make it with: lakehouse run --select bronze"
    )


def test_a_broker_that_does_not_answer_is_named(settings: Settings) -> None:
    # port 1 of loopback: nobody listens there
    changes = {
        "LAKEHOUSE_KAFKA__BOOTSTRAP_SERVERS": "127.0.0.1:1",
        "LAKEHOUSE_KAFKA__CONNECT_TIMEOUT_SECONDS": "1",
    }
    done = submit(f"{SUBMIT} bronze/ingest.py", environment(settings) | changes)
    assert done.returncode == 2
    assert told(done).startswith("lakehouse: no Kafka broker answers at 127.0.0.1:1")


@pytest.mark.parametrize("job", ["bronze/ingest.py", "gold/recommend.py"])
def test_a_misspelt_variable_is_named(settings: Settings, job: str) -> None:
    done = submit(f"{SUBMIT} {job}", environment(settings) | {"LAKEHOUSE_KAFKA__PARTITONS": "3"})
    assert done.returncode == 2
    assert told(done) == (
        "lakehouse: unknown setting LAKEHOUSE_KAFKA__PARTITONS in the environment; "
        "did you mean LAKEHOUSE_KAFKA__PARTITIONS?"
    )
