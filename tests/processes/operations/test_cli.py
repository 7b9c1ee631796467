"""The installed `lakehouse` as a process: one command of each kind. The others run in tests/spark."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from pyspark.sql import SparkSession

from lakehouse.kafka.client import Cluster
from lakehouse.settings import Settings
from lakehouse.spark.lakehouse import SparkLakehouse
from lakehouse.tables import SILVER_USERS
from tests.support.demo import Demo
from tests.support.folders import PROJECT
from tests.support.outcome import Outcome
from tests.support.processes import TIMEOUT, clean_environment, environment
from tests.support.small import with_small_demo

HIVE = "spark.sql.catalogImplementation hive"


def lakehouse(*arguments: str, variables: dict[str, str], folder: Path | None = None) -> Outcome:
    command = ["lakehouse", *arguments]
    done = subprocess.run(
        command, env=variables, cwd=folder, capture_output=True, text=True, timeout=TIMEOUT, check=False
    )
    return Outcome(done.returncode, done.stdout, done.stderr)


def test_help_lists_the_commands() -> None:
    outcome = lakehouse("--help", variables=clean_environment())
    assert (outcome.code, outcome.err) == (0, "")
    for name in ("demo", "up", "run", "status", "sql", "history", "diff", "restore", "config", "doctor"):
        assert f"\n    {name} " in outcome.out


def test_arguments_are_read_without_spark() -> None:
    """So --help answers at once: importing pyspark alone takes most of a second."""
    code = (
        "import sys, operations.cli; operations.cli.build_parser(); "
        "print('pyspark' in sys.modules, 'pandas' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "False False\n"


@pytest.mark.parametrize("kafka", ["", "the broker"])
def test_a_root_that_cannot_be_written_is_one_line(
    broker: Cluster, settings: Settings, tmp_path: Path, kafka: str
) -> None:
    """The root is below a regular file: root may write everywhere else."""
    (tmp_path / "file").write_text("no folder")
    update = {"bootstrap_servers": broker.bootstrap if kafka else "", "embedded_port": 0}
    changes = {"root": str(tmp_path / "file" / "lakehouse"), "kafka": settings.kafka.model_copy(update=update)}
    outcome = lakehouse("demo", variables=environment(with_small_demo(settings.model_copy(update=changes))))
    assert outcome.code == 2
    assert outcome.err.startswith("lakehouse: ")
    assert str(tmp_path / "file") in outcome.err
    assert outcome.err.count("\n") == 1


def test_a_query_prints_times_in_utc_and_has_the_jvm_options_of_the_settings(
    spark: SparkSession, demo: Demo, tmp_path: Path
) -> None:
    """From any folder, leaving nothing there. Its JVM logs the garbage collector that the settings chose."""
    conf, noted, here, temporary = (tmp_path / name for name in ("conf", "gc.log", "here", "temporary"))
    here.mkdir()
    temporary.mkdir()
    shutil.copytree(PROJECT / "conf", conf)
    # a byte order mark before the first setting, and a catalogue that Derby would create in the current folder
    text = (conf / "spark-defaults.conf").read_text(encoding="utf-8")
    text = text.replace("spark.sql.session.timeZone                  UTC\n", "")
    added = f"spark.driver.extraJavaOptions -XX:+UseParallelGC -Xlog:gc:file={noted}\n{HIVE}\n"
    text = f"spark.sql.session.timeZone UTC\n{text}{added}"
    (conf / "spark-defaults.conf").write_text(text, encoding="utf-8-sig")
    query = (
        "SELECT TIMESTAMP '2025-05-13 12:00:00' AS noon, DATE '2024-02-29' AS day, count(*) AS users "
        "FROM silver.users"
    )
    elsewhere = {"TZ": "America/Mexico_City", "LAKEHOUSE_CONF": str(conf), "TMPDIR": str(temporary)}
    outcome = lakehouse("sql", query, "--json", variables=environment(demo.settings) | elsewhere, folder=here)
    assert outcome.code == 0, outcome.err
    users = SparkLakehouse(demo.root, spark).read(SILVER_USERS).count()
    assert json.loads(outcome.out) == [{"noon": "2025-05-13 12:00:00Z", "day": "2024-02-29", "users": users}]
    assert outcome.err == ""
    assert "Using Parallel" in noted.read_text(encoding="utf-8")
    assert list(here.iterdir()) == []
    assert not list(temporary.glob("lakehouse-*"))
