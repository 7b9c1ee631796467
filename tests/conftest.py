"""Shared fixtures: a Spark session per worker, one real broker, and settings per test."""

import os
import secrets
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, nullcontext
from pathlib import Path

import pytest
from pyspark.sql import SparkSession

from lakehouse.broker.config import format_storage, write_config
from lakehouse.broker.embedded import kafka_cluster
from lakehouse.broker.jars import broker_jars
from lakehouse.kafka.client import Cluster
from lakehouse.settings import CONF_VARIABLE, Settings, load_settings
from lakehouse.spark.session import spark_session
from tests.support.chromium import Browser, chromium, find_chromium
from tests.support.delta_cache import forget_tables
from tests.support.demo import Demo
from tests.support.folders import AWKWARD, PROJECT, SHARED
from tests.support.once import made_once
from tests.support.outcome import Command, command_with
from tests.support.processes import TIMEOUT, far_from_the_checkout
from tests.support.settings_folder import SMALL_JOBS, make_settings_folder
from tests.support.small import with_small_demo
from tests.support.wheel import Installed, install_wheel, installed_in

UNIT = PROJECT / "tests" / "unit"


def pytest_sessionstart(session: pytest.Session) -> None:
    """Fetch Java and all jars before workers start: otherwise two of them would write to the same new caches."""
    config = session.config
    is_worker = hasattr(config, "workerinput")
    only_unit = all(Path(one).resolve().is_relative_to(UNIT) for one in config.args)
    if is_worker or only_unit or config.getoption("dist", "no") == "no":
        return
    broker_jars()
    subprocess.run([sys.executable, "-m", "tests.support.first_session"], cwd=PROJECT, check=True)


@pytest.fixture(scope="session")
def run_folder(tmp_path_factory: pytest.TempPathFactory, worker_id: str) -> Path:
    """The temporary folder shared by all workers of this run."""
    own = tmp_path_factory.getbasetemp()
    return own if worker_id == "master" else own.parent


@pytest.fixture(scope="session")
def spark(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SparkSession]:
    """The session of all in-process tests: conf/spark-defaults.conf, overridden by tests/support/spark.conf."""
    folder = tmp_path_factory.mktemp("spark")
    os.environ["SPARK_LOCAL_DIRS"] = str(folder / "local")
    with ExitStack() as opened:
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv(CONF_VARIABLE, str(make_settings_folder(folder / "conf", SMALL_JOBS)))
            session = opened.enter_context(spark_session("tests", log_file=folder / "spark.log"))
        yield session


@pytest.fixture(scope="session")
def small_jobs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The variable that gives a process Spark settings for small jobs."""
    return {CONF_VARIABLE: str(make_settings_folder(tmp_path_factory.mktemp("small-jobs") / "conf", SMALL_JOBS))}


@pytest.fixture(scope="session")
def command(spark: SparkSession) -> Command:
    """Runs `lakehouse` in this process on the shared session: starting Spark for each call would take too long."""
    return command_with(lambda *_, **__: nullcontext(spark))


@pytest.fixture(scope="module", autouse=True)
def forgotten_tables() -> Iterator[None]:
    """Delta caches each table for an hour: those of a thousand tests fill the session's 2 GB."""
    yield
    forget_tables()


@pytest.fixture(scope="session")
def formatted(run_folder: Path) -> Path:
    """A Kafka data folder, formatted once per run: each formatting starts a JVM."""

    def make(folder: Path) -> None:
        write_config(folder, 0)
        format_storage(folder)

    return made_once(run_folder / "formatted", make) / "data"


@pytest.fixture(scope="session")
def prepared(formatted: Path) -> Callable[[Path], Path]:
    """Copies the formatted data to a root for its own embedded broker; returns the root."""

    def prepare(root: Path) -> Path:
        shutil.copytree(formatted, root / "kafka" / "data")
        return root

    return prepare


@pytest.fixture(scope="session")
def broker(run_folder: Path, prepared: Callable[[Path], Path]) -> Iterator[Cluster]:
    """The run's own real Kafka broker. Like any embedded broker, it serves all processes of its root."""
    root = made_once(run_folder / "broker", prepared)
    kafka = load_settings().kafka.model_copy(update={"bootstrap_servers": "", "embedded_port": 0})
    with kafka_cluster(kafka, str(root)) as cluster:
        yield cluster


@pytest.fixture(scope="session")
def installed(run_folder: Path) -> Installed:
    """The wheel in its own environment, once per run."""
    return installed_in(made_once(run_folder / "wheel", install_wheel))


@pytest.fixture(scope="session")
def demo(run_folder: Path, prepared: Callable[[Path], Path], installed: Installed) -> Demo:
    """The small lakehouse that the README's own command built, once per run. Tests read or copy it.

    The command is the installed wheel's, with the product's own settings for Spark. Its topics are on its own
    embedded broker, which ended with the command.
    """
    folder = run_folder / "demo"
    base = with_small_demo(load_settings())
    kafka = base.kafka.model_copy(update={"embedded_port": 0})
    settings = base.model_copy(update={"root": str(folder / "content" / AWKWARD), "kafka": kafka})

    def make(folder: Path) -> None:
        prepared(Path(settings.root))
        (folder / "here").mkdir()
        done = subprocess.run(
            [str(installed.lakehouse), "demo"],
            cwd=folder / "here",
            env=far_from_the_checkout(settings),
            capture_output=True,
            text=True,
            timeout=TIMEOUT,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        (folder / "printed.txt").write_text(done.stdout, encoding="utf-8")

    content = made_once(folder, make)
    return Demo(settings, (content / "printed.txt").read_text(encoding="utf-8"), content / "here")


@pytest.fixture(scope="session")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    program = find_chromium()
    if program is None:
        pytest.skip("needs Chromium (make test-tools), or CHROMIUM set to its path")
    with chromium(program, tmp_path_factory.mktemp("profile")) as opened:
        yield opened


def on_broker(settings: Settings, broker: Cluster, root: Path, suffix: str) -> Settings:
    """These settings with this root, and with their own topics on the run's broker."""
    topics = {f"{kind}_topic": f"{kind}-{suffix}" for kind in ("users", "movies", "series", "feedback")}
    kafka = settings.kafka.model_copy(update={"bootstrap_servers": broker.bootstrap, **topics})
    return settings.model_copy(update={"root": str(root), "kafka": kafka})


@pytest.fixture
def settings(broker: Cluster, tmp_path: Path) -> Settings:
    """The project's settings with a root per test, and with their own topics on the shared broker."""
    return on_broker(load_settings(), broker, tmp_path / "lakehouse", secrets.token_hex(4))


@pytest.fixture
def conf(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder with the shipped settings, this test's only source besides what it sets itself."""
    for name in [name for name in os.environ if name.startswith("LAKEHOUSE_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("LAKEHOUSE_CONF", str(tmp_path))
    shutil.copy(PROJECT / "conf" / "lakehouse.toml", tmp_path)
    load_settings.cache_clear()
    yield tmp_path
    load_settings.cache_clear()


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The real catalogue and ratings, if they are next to this checkout."""
    folder = SHARED / "data"
    if not folder.is_dir():
        pytest.skip(f"needs the real data in {folder}")
    return folder
