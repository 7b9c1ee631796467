"""Jobs run by spark-submit, as processes."""

import os
import shlex
import signal
import subprocess
from collections.abc import Callable, Mapping
from pathlib import Path

from pyspark.sql import SparkSession

from bronze.ingest import ingest
from lakehouse.kafka.client import configured_cluster
from lakehouse.kafka.topics import ensure_topics
from lakehouse.settings import Settings
from producers.made_up.entities import user_records
from producers.sending.delivery import publish
from tests.support.folders import PROJECT
from tests.support.processes import BIN, TIMEOUT, await_condition, environment, small_submits
from tests.support.small import with_quick_models

SUBMIT = "spark-submit --properties-file conf/spark-defaults.conf"

Stop = Callable[[subprocess.Popen[str]], None]


def variables(settings: Settings) -> dict[str, str]:
    return environment(with_quick_models(settings)) | small_submits()


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


def to_the_jvm_alone(stream: subprocess.Popen[str]) -> None:
    stream.send_signal(signal.SIGTERM)


def to_the_whole_group(stream: subprocess.Popen[str]) -> None:
    """Signal the whole process group, as a terminal does on Ctrl-C."""
    os.killpg(stream.pid, signal.SIGINT)


def expect_stop_in_order(spark: SparkSession, settings: Settings, job: str, stop: Stop) -> None:
    """Submit the stream and stop it, bronze after a batch, silver during one: it shuts down cleanly."""
    kafka, cluster = settings.kafka, configured_cluster(settings.kafka)
    ensure_topics(cluster, kafka.topics, partitions=1, replication_factor=1, timeout_seconds=20)
    publish(user_records(1, 30), topic=kafka.users_topic, cluster=cluster).require_complete("users")
    if job == "silver/refine.py":
        ingest(spark, settings, cluster)
    begun = {
        "bronze/ingest.py": settings.ops_dir / "stream_progress.jsonl",
        "silver/refine.py": Path(settings.root, "checkpoints", "silver", "offsets", "0"),
    }
    program, *arguments = shlex.split(f"{SUBMIT} {job} --trigger 200ms")
    with subprocess.Popen(
        [str(BIN / program), *arguments],
        cwd=PROJECT,
        env=variables(settings),
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
    assert "terminated with error" not in said  # what Spark logs for a failed query
