"""What tests share: one Spark session, one real broker, settings of their own per test."""

import io
import os
import secrets
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import nullcontext
from pathlib import Path

import pytest
from pyspark.sql import SparkSession

from lakehouse import cli
from lakehouse.broker import kafka_cluster
from lakehouse.broker_jars import broker_jars
from lakehouse.kafka_client import Cluster
from lakehouse.session import spark_session
from lakehouse.settings import Kafka, Settings, load_settings
from tests.support.delta_cache import forget_tables
from tests.support.folders import PROJECT, SHARED
from tests.support.outcome import Command, Outcome


def pytest_sessionstart(session: pytest.Session) -> None:
    """Fetch Java and all jars before workers start: two of them would write into the same new caches at once."""
    is_worker = hasattr(session.config, "workerinput")
    if is_worker or session.config.getoption("dist", "no") == "no":
        return
    broker_jars()
    subprocess.run([sys.executable, "-m", "tests.support.first_session"], cwd=PROJECT, check=True)


@pytest.fixture(scope="session")
def spark(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SparkSession]:
    """The session every test uses, configured by conf/spark-defaults.conf like any job.

    It lives for half an hour: with the JVM's second compiler, as in `up`, gold's tests take 20 to 30 % less time.
    """
    os.environ["SPARK_LOCAL_DIRS"] = str(tmp_path_factory.mktemp("spark-local"))
    log_file = tmp_path_factory.mktemp("spark") / "spark.log"
    with spark_session("tests", log_file=log_file, lasting=True) as session:
        yield session


@pytest.fixture(scope="session")
def command(spark: SparkSession) -> Command:
    """Runs `lakehouse` in this process on the shared session: starting Spark for each call would take too long.

    It takes the command's arguments, `settings`, and by their names those settings that are to differ from these.
    """

    def call(*arguments: str, settings: Settings, **changes: object) -> Outcome:
        out, err = io.StringIO(), io.StringIO()
        try:
            code = cli.main(
                arguments,
                settings=settings.model_copy(update=changes),
                session=lambda *_, **__: nullcontext(spark),
                stdout=out,
                stderr=err,
            )
        except SystemExit as ended:  # argparse
            code = int(ended.code or 0)
        return Outcome(code, out.getvalue(), err.getvalue())

    return call


@pytest.fixture(scope="module", autouse=True)
def forgotten_tables() -> Iterator[None]:
    """Delta remembers each table for an hour: those of a thousand tests fill the 2 GB of the session."""
    yield
    forget_tables()


@pytest.fixture(scope="session")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """A real Kafka broker of this test run's own, on a free port."""
    kafka = load_settings().kafka.model_copy(update={"bootstrap_servers": "", "embedded_port": 0})
    with kafka_cluster(kafka, str(tmp_path_factory.mktemp("broker"))) as cluster:
        yield cluster


@pytest.fixture
def settings(broker: Cluster, tmp_path: Path) -> Settings:
    """The project's settings with a root of this test's own, and topics of its own on the shared broker."""
    suffix = secrets.token_hex(4)
    names = {f"{kind}_topic": f"{kind}-{suffix}" for kind in ("users", "movies", "series", "feedback")}
    base = load_settings()
    kafka = Kafka.model_validate({**base.kafka.model_dump(), "bootstrap_servers": broker.bootstrap, **names})
    return base.model_copy(update={"root": str(tmp_path / "lakehouse"), "kafka": kafka})


@pytest.fixture
def conf(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder with the shipped settings, the only source of this test beside what it sets itself."""
    for name in [name for name in os.environ if name.startswith("LAKEHOUSE_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("LAKEHOUSE_CONF", str(tmp_path))
    shutil.copy(PROJECT / "conf" / "lakehouse.toml", tmp_path)
    files = Settings.files
    load_settings.cache_clear()
    yield tmp_path
    Settings.files = files
    load_settings.cache_clear()


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The real catalogue and ratings, where this checkout has them beside it."""
    folder = SHARED / "data"
    if not folder.is_dir():
        pytest.skip(f"needs the real data in {folder}")
    return folder
