"""Each layer run by spark-submit, with the README's lines; how streams stop; what failed starts print."""

import json
import shlex
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest
from pyspark.sql import SparkSession

from lakehouse.kafka.client import configured_cluster
from lakehouse.kafka.topics import ensure_topics
from lakehouse.settings import Settings, load_settings
from lakehouse.spark.lakehouse import SparkLakehouse
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
from producers.made_up.activity import feedback_records
from producers.made_up.entities import movie_records, series_records, user_records
from producers.sending.delivery import publish
from tests.support.folders import PROJECT
from tests.support.processes import TIMEOUT, environment
from tests.support.readme import readme_commands
from tests.support.submits import (
    SUBMIT,
    expect_stop_in_order,
    submit,
    to_the_jvm_alone,
    variables,
)

# The README's lines that each run in their own spark-submit: one per layer, and one for the checks.
ALONE = ("bronze/ingest.py", "silver/refine.py", "quality/check.py silver", "gold/rate_affinity.py")
# What Spark by default creates in the current folder.
LEFT_BY_SPARK = ("spark-warehouse", "metastore_db", "derby.log", "artifacts")
RUN_JOBS = "tests/support/run_jobs.py"


def submit_in_one(jobs: Sequence[str], variables: Mapping[str, str], folder: Path) -> list[tuple[int, str]]:
    """Exit code and output of each job, run in sequence in one spark-submit."""
    file = folder / "jobs.json"
    file.write_text(json.dumps([shlex.split(job) for job in jobs]), encoding="utf-8")
    done = submit(f"{SUBMIT} {RUN_JOBS} {file}", variables)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    answers: list[tuple[int, str]] = json.loads(file.with_suffix(".answers").read_text(encoding="utf-8"))
    return answers


def left_in_the_folder() -> dict[str, int]:
    """What Spark left in the current folder, with modification times: some may be older than the test."""
    return {name: (PROJECT / name).stat().st_mtime_ns for name in LEFT_BY_SPARK if (PROJECT / name).exists()}


def messages(printed: str) -> str:
    """The one line that names the problem; Spark's own log lines around it do not count."""
    lines = [line for line in printed.splitlines() if line.startswith("lakehouse:")]
    assert len(lines) == 1, printed
    assert "Traceback" not in printed
    return lines[0]


def test_each_layer_is_a_spark_submit(spark: SparkSession, settings: Settings, tmp_path: Path) -> None:
    """One job per layer is submitted with the README's line; the README's other jobs follow in one driver."""
    lake = SparkLakehouse(settings.root, spark)
    kafka, cluster = settings.kafka, configured_cluster(settings.kafka)
    ensure_topics(cluster, kafka.topics, partitions=1, replication_factor=1, timeout_seconds=20)
    for topic, records in (
        (kafka.users_topic, user_records(1, 30)),
        (kafka.movies_topic, movie_records(1, 25)),
        (kafka.series_topic, series_records(1, 15)),
        (kafka.feedback_topic, feedback_records(1, 200, users=30, movies=25, series=15)),
    ):
        publish(records, topic=topic, cluster=cluster).require_complete(topic)
    left = left_in_the_folder()
    lines = [line for line in readme_commands() if line.startswith("spark-submit ")]
    jobs = [line.removeprefix(f"{SUBMIT} ") for line in lines]
    for job in ALONE:
        done = submit(lines[jobs.index(job)], variables(settings))
        assert done.returncode == 0, f"{job}: {done.stderr[-3000:]}"
    others = [job for job in jobs if job not in ALONE]
    assert len(others) == 7
    for job, (code, printed) in zip(others, submit_in_one(others, variables(settings), tmp_path), strict=True):
        assert code == 0, f"{job}: {printed}"
    assert left_in_the_folder() == left
    # jobs of each layer were among them; trials exist only after a search for parameters
    assert all(lake.exists(table) for table in CATALOGUE if table != GOLD_TRIALS)
    rows = {
        table.name: lake.read(table).count()
        for table in (SILVER_USERS, SILVER_CONTENT, SILVER_FEEDBACK, SILVER_QUARANTINE)
    }
    assert rows == {"users": 30, "content": 40, "feedback": 200, "quarantine": 0}
    recommended = lake.read(GOLD_RECOMMENDATIONS)
    assert recommended.select("user_id").distinct().count() == 30
    assert lake.read(GOLD_POWERBI).count() == recommended.count()


def test_a_stream_is_stopped_in_order(spark: SparkSession, settings: Settings) -> None:
    """As a container's stop does. `make test-crash` stops each stream in each way."""
    expect_stop_in_order(spark, settings, "silver/refine.py", to_the_jvm_alone)


def test_silver_without_bronze_says_what_to_do(settings: Settings) -> None:
    done = submit(f"{SUBMIT} silver/refine.py", variables(settings))
    assert done.returncode == 2
    # spark-submit merges Python's outputs, so the job's stderr arrives on stdout
    assert messages(done.stdout + done.stderr) == (
        f"lakehouse: table bronze.events does not exist under {settings.root}; "
        "make it with: lakehouse run --select bronze"
    )


# Port 1 of loopback: nothing listens there.
NO_BROKER = {"LAKEHOUSE_KAFKA__BOOTSTRAP_SERVERS": "127.0.0.1:1", "LAKEHOUSE_KAFKA__CONNECT_TIMEOUT_SECONDS": "1"}
MISSPELT = {"LAKEHOUSE_KAFKA__PARTITONS": "3"}
UNKNOWN = (
    "lakehouse: unknown setting LAKEHOUSE_KAFKA__PARTITONS in the environment; "
    "did you mean LAKEHOUSE_KAFKA__PARTITIONS?"
)


@pytest.mark.parametrize(
    ("job", "changes", "line"),
    [
        ("bronze/ingest.py", NO_BROKER, "lakehouse: no Kafka broker answers at 127.0.0.1:1"),
        ("bronze/ingest.py", MISSPELT, UNKNOWN),
        ("gold/recommend.py", MISSPELT, UNKNOWN),
    ],
)
def test_a_wrong_setting_of_a_job_is_one_line_before_any_jvm_starts(
    tmp_path: Path, job: str, changes: dict[str, str], line: str
) -> None:
    """A stream and a batch job, as spark-submit runs their file; a stream also needs a broker that answers."""
    settings = load_settings().model_copy(update={"root": str(tmp_path / "lakehouse")})
    done = subprocess.run(
        [sys.executable, job],
        cwd=PROJECT,
        env=environment(settings) | changes | {"JAVA_HOME": "/nowhere", "PATH": ""},
        capture_output=True,
        text=True,
        timeout=TIMEOUT,
        check=False,
    )
    assert done.returncode == 2, done.stderr
    assert messages(done.stdout + done.stderr).startswith(line)
