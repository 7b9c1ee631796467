"""A read-only root: one clear line and exit code 2; nothing is lost once it is writable again."""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from pyspark.sql import SparkSession

from bronze.ingest import ingest
from lakehouse.kafka.client import configured_cluster
from lakehouse.kafka.topics import ensure_topics
from lakehouse.settings import Settings
from lakehouse.spark.lakehouse import SparkLakehouse
from lakehouse.tables import BRONZE_EVENTS
from operations.commands.audit import audit
from producers.made_up.entities import user_records
from producers.sending.delivery import publish
from silver.refine import refine
from tests.support.processes import TIMEOUT, environment

USERS = 20
RUN = (str(Path(sys.executable).parent / "lakehouse"), "run")
STREAM = (sys.executable, "-m", "bronze.ingest")


def obeying_permissions() -> list[str]:
    """A command prefix that makes file permissions apply: root gives up the right to bypass them."""
    if os.geteuid() != 0:
        return []
    setpriv = shutil.which("setpriv")
    if setpriv is None:
        pytest.skip("root may write everywhere, and without setpriv (util-linux) it cannot give that up")
    return [setpriv, "--bounding-set=-dac_override,-dac_read_search"]


@contextmanager
def read_only(folder: Path) -> Iterator[None]:
    """Nothing can be created, renamed or deleted in the folder or below it."""
    modes = {path: path.stat().st_mode for path in (folder, *folder.rglob("*"))}
    try:
        for path, mode in modes.items():
            path.chmod(mode & ~0o222)
        yield
    finally:
        for path, mode in modes.items():
            path.chmod(mode)


def send_users(settings: Settings, seed: int) -> None:
    cluster = configured_cluster(settings.kafka)
    ensure_topics(cluster, settings.kafka.topics, **settings.kafka.new_topics)
    publish(user_records(seed, USERS), topic=settings.kafka.users_topic, cluster=cluster).require_complete("users")


CASES = {
    "lakehouse run, the whole root": (RUN, "", "no permission for .*/ops/spark.log; make it writable or set .*"),
    "a stream, the whole root": (STREAM, "", "no permission for .*/ops/bronze.lock; make it writable or set .*"),
    # the stream starts, but cannot write its batch
    "a stream, its tables": (
        STREAM,
        "bronze",
        "stream bronze.events stopped: .*Permission denied.*nothing is lost.*",
    ),
}


def test_a_read_only_root_is_one_line_and_nothing_is_lost(
    spark: SparkSession, settings: Settings, small_jobs: dict[str, str]
) -> None:
    cluster = configured_cluster(settings.kafka)
    send_users(settings, seed=1)
    ingest(spark, settings, cluster)
    refine(spark, settings)
    send_users(settings, seed=2)
    for name, (command, part, message) in CASES.items():
        with read_only(Path(settings.root, part)):
            done = subprocess.run(
                [*obeying_permissions(), *command],
                env=environment(settings) | small_jobs,
                capture_output=True,
                text=True,
                timeout=TIMEOUT,
                check=False,
            )
        # the streams also print Spark's own log
        lines = [line for line in done.stderr.splitlines() if line.startswith("lakehouse: ")]
        assert (done.returncode, len(lines)) == (2, 1), f"{name}: {done.stderr}"
        assert re.fullmatch(f"lakehouse: {message}", lines[0]), f"{name}: {lines[0]}"
        assert "\nTraceback" not in done.stderr  # the log of Spark quotes one
    ingest(spark, settings, cluster)
    refine(spark, settings)
    assert SparkLakehouse(settings.root, spark).read(BRONZE_EVENTS).count() == 2 * USERS
    assert audit(settings, cluster)[2] == []
