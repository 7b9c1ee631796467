"""A full disk, and the death of Spark's JVM, with a real driver: one clear line, and nothing is lost."""

import re
import resource
import subprocess
import sys
from pathlib import Path

from pyspark.sql import SparkSession

from bronze.ingest import ingest
from lakehouse.kafka.client import configured_cluster
from lakehouse.settings import Settings
from lakehouse.spark.lakehouse import SparkLakehouse
from lakehouse.tables import BRONZE_EVENTS
from operations.commands.audit import audit
from tests.support.processes import TIMEOUT, drive
from tests.support.wide_records import send, wide_user

# More than the largest jar, which Spark copies when it starts.
FILE_LIMIT = 40_000_000

KILLED = """
import os, signal, sys
from lakehouse.errors import run_guarded
from lakehouse.spark.session import spark_session

def main():
    with spark_session("killed") as spark:
        os.kill(spark.sparkContext._gateway.proc.pid, signal.SIGKILL)
        spark.range(1).count()

sys.exit(run_guarded(main))
"""


def test_the_end_of_sparks_jvm_is_one_line() -> None:
    done = subprocess.run(
        [sys.executable, "-c", KILLED], capture_output=True, text=True, timeout=TIMEOUT, check=False
    )
    assert done.returncode == 2, done.stderr
    assert done.stderr.splitlines()[-1] == (
        "lakehouse: Spark's JVM ended by signal 9 (if nobody sent it, the machine ran out of memory); "
        "what was committed is safe: start again"
    )
    assert "Traceback" not in done.stderr


def limit_files() -> None:
    """Limit the file size of this process: writes beyond it are refused, as on a full disk."""
    resource.setrlimit(resource.RLIMIT_FSIZE, (FILE_LIMIT, FILE_LIMIT))


def test_a_full_disk_is_one_line_and_nothing_is_lost(
    spark: SparkSession, settings: Settings, small_jobs: dict[str, str], tmp_path: Path
) -> None:
    """The real driver cannot write its data; once it can, it resumes where it was."""
    sent = [wide_user(900_000, f"u{number}") for number in range(60)]
    assert send(settings, *sent) == len(sent)  # with one key, so in one partition and one file
    log = tmp_path / "driver.log"
    variables = {**small_jobs, "SPARK_LOCAL_DIRS": str(tmp_path)}
    code, said = drive(settings, "bronze.ingest", log, limits=limit_files, **variables)
    assert code == 2, said[-3000:]
    line = said.splitlines()[-1]
    assert re.match(r"lakehouse: stream bronze.events stopped: .*File too large", line), line
    assert "\nTraceback" not in said  # Spark's own log quotes one
    ingest(spark, settings, configured_cluster(settings.kafka))
    assert SparkLakehouse(settings.root, spark).read(BRONZE_EVENTS).count() == len(sent)
    assert audit(settings, configured_cluster(settings.kafka))[2] == []
