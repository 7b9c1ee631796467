"""Three brokers and a standalone Spark cluster, with executors that have only what `make dist` ships.

A worker and a broker are killed while both streams run, then quality and gold. The tables equal a local run's.
"""

import json
import re
import shlex
import signal
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from pyspark.sql import SparkSession

from gold import count_popularity, rate_affinity, recommend
from lakehouse.broker.config import LOOPBACK
from lakehouse.jvm.options import plain_jvm
from lakehouse.kafka.client import configured_cluster
from lakehouse.settings import Settings, load_settings
from lakehouse.spark.defaults import spark_defaults
from lakehouse.tables import GOLD_AFFINITY, GOLD_POPULARITY, GOLD_RECOMMENDATIONS
from operations.commands.audit import audit
from producers.made_up.entities import movie_records, series_records, user_records
from tests.support.folders import PROJECT
from tests.support.kafka_brokers import NODES, Brokers, three_brokers
from tests.support.processes import BIN, TIMEOUT, Running, await_condition
from tests.support.sending import send_all
from tests.support.settings_folder import SMALL_JOBS
from tests.support.shipped import SPARK_HOME, Shipped, bare_python, ship
from tests.support.small import with_quick_models
from tests.support.spark_cluster import SparkCluster, brief_jvm, spark_cluster
from tests.support.tables import contents
from tests.support.undisturbed import expect_undisturbed, numbered_files
from tests.support.wheel import Installed

USERS, MOVIES, SERIES = 40, 30, 20
STREAMS = ("bronze/events", "bronze/feedback", "silver")
GOLD = (GOLD_AFFINITY, GOLD_POPULARITY, GOLD_RECOMMENDATIONS)
# What a machine of two cores needs besides the command: loopback, and JVMs that live for a minute or two.
FOR_THE_TEST = {
    "spark.driver.bindAddress": LOOPBACK,
    "spark.ui.enabled": "false",
    "spark.executor.memory": "700m",
}
# Where each line of the documented command gets its values from.
PLACES = {"spark://MASTER:7077": "{master}", "=DRIVER": f"={LOOPBACK}", "dist/": "{dist}/"}


@pytest.fixture(scope="module")
def shipped(installed: Installed, tmp_path_factory: pytest.TempPathFactory) -> Shipped:
    return ship(installed.wheel, tmp_path_factory.mktemp("shipped") / "dist")


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SparkCluster]:
    folder = tmp_path_factory.mktemp("cluster")
    with spark_cluster(folder / "spark", bare_python(folder / "python"), workers=2) as cluster:
        yield cluster


@pytest.fixture(scope="module")
def brokers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Brokers]:
    with three_brokers(tmp_path_factory.mktemp("brokers") / "kafka") as brokers:
        yield brokers


@pytest.fixture
def settings(brokers: Brokers, tmp_path: Path) -> Settings:
    """Topics with as many partitions and replicas as brokers; Spark checks all but the smallest tables."""
    settings = with_quick_models(load_settings())
    kafka = settings.kafka.model_copy(
        update={
            "bootstrap_servers": brokers.cluster.bootstrap,
            "partitions": len(NODES),
            "replication_factor": len(NODES),
        }
    )
    quality = settings.quality.model_copy(update={"max_pandas_rows": 1_000})
    return settings.model_copy(update={"root": str(tmp_path / "lakehouse"), "kafka": kafka, "quality": quality})


Run = Callable[..., Running]


@pytest.fixture
def run(settings: Settings, tmp_path: Path) -> Iterator[Run]:
    """Starts a process of these settings. Those that still run at the end are killed."""
    started: list[Running] = []

    def start(name: str, *command: str, **options: Any) -> Running:
        started.append(Running(settings, tmp_path / f"{name}.log", *command, **options))
        return started[-1]

    yield start
    for one in started:
        if one.alive():
            one.kill()


@pytest.fixture
def submit(run: Run, cluster: SparkCluster, shipped: Shipped) -> Run:
    """Runs a job with the documented command, or without its archive; `more` are further options."""
    documented = documented_options(master=cluster.url, dist=str(shipped.folder))
    archive = documented.index("--archives")
    small = [f"-D{name}={value}" for name, value in spark_defaults(SMALL_JOBS).items() if " " not in value]
    variables = {"SPARK_CONF_DIR": "conf", "SPARK_SUBMIT_OPTS": " ".join([*plain_jvm(lasting=False), *small])}

    def submit(*job: str, more: Sequence[str] = (), has_python: bool = True) -> Running:
        options = [*(documented if has_python else documented[:archive]), *more]
        for name, value in {**FOR_THE_TEST, "spark.executor.extraJavaOptions": " ".join(brief_jvm())}.items():
            options += ["--conf", f"{name}={value}"]
        return run(Path(job[0]).stem, *job, program=(str(BIN / "spark-submit"), *options), variables=variables)

    return submit


def documented_options(**values: str) -> list[str]:
    """The options of the command in docs/deployment.md, with this test's addresses and folder."""
    text = (PROJECT / "docs" / "deployment.md").read_text(encoding="utf-8")
    command = re.search(r"^spark-submit --master spark://.*?(?<!\\)$", text, flags=re.MULTILINE | re.DOTALL)
    assert command is not None
    line = command[0].replace("\\\n", " ")
    for place, value in PLACES.items():
        assert place in line
        line = line.replace(place, value.format(**values))
    words = shlex.split(line)
    return words[1 : words.index("silver/refine.py")]


def ended(settings: Settings, stream: str, log: str = "commits") -> int:
    """The last batch in the stream's log; -1 for none."""
    return max(map(int, numbered_files(Path(settings.root, "checkpoints", stream, log), "")), default=-1)


def began(settings: Settings, stream: str) -> int:
    return ended(settings, stream, "offsets")


def until(condition: Callable[[], bool], what: str, *running: Running) -> None:
    """Wait for the condition, as long as these processes run."""
    await_condition(lambda: condition() or not all(one.alive() for one in running), what)
    for one in running:
        assert one.alive(), one.said()[-5000:]


def expect_the_streams_to_survive(kill: Callable[[], None], settings: Settings, *running: Running) -> None:
    """Call `kill` in the middle of a batch of each stream, and wait until all have ended it."""
    until(
        lambda: all(began(settings, one) > ended(settings, one) for one in STREAMS), "all are in a batch", *running
    )
    kill()
    seen = {one: began(settings, one) for one in STREAMS}
    until(lambda: all(ended(settings, one) >= seen[one] for one in STREAMS), "all end it", *running)


def has_read_everything(settings: Settings) -> bool:
    partitions, _, _ = audit(settings, configured_cluster(settings.kafka))
    return sum(found.unread + found.unrefined for found in partitions) == 0


def publish_entities(settings: Settings) -> None:
    kafka = settings.kafka
    send_all(
        kafka,
        (kafka.users_topic, user_records(1, USERS)),
        (kafka.movies_topic, movie_records(1, MOVIES)),
        (kafka.series_topic, series_records(1, SERIES)),
    )


def test_a_worker_and_a_broker_are_killed_while_both_streams_run(
    spark: SparkSession,
    settings: Settings,
    brokers: Brokers,
    cluster: SparkCluster,
    shipped: Shipped,
    run: Run,
    submit: Run,
    tmp_path: Path,
) -> None:
    publish_entities(settings)
    titles = ("--users", str(USERS), "--movies", str(MOVIES), "--series", str(SERIES))
    producers = [
        run(name, f"producers.{name}", "--rate", rate, "--dirty", "0.1", *more)
        for name, rate, more in (("users", "2", ()), ("feedback", "20", titles))
    ]
    # bronze runs no Python on executors
    bronze = submit("bronze/ingest.py", "--trigger", "10s", has_python=False)
    until(lambda: all(ended(settings, one) >= 0 for one in STREAMS[:2]), "bronze takes batches", bronze)
    silver = submit("silver/refine.py", "--trigger", "10s")
    until(lambda: ended(settings, "silver") >= 0, "silver takes batches", bronze, silver)

    expect_the_streams_to_survive(cluster.kill_worker, settings, bronze, silver, *producers)
    cluster.await_workers(1)
    expect_the_streams_to_survive(brokers.kill_one, settings, bronze, silver, *producers)

    assert [producer.stop(signal.SIGINT) for producer in producers] == [0, 0], [one.said() for one in producers]
    assert all(", 0 failed, " in producer.said() for producer in producers)
    until(lambda: has_read_everything(settings), "everything is read", bronze, silver)
    assert [stream.stop(signal.SIGTERM) for stream in (bronze, silver)] == [0, 0], silver.said()[-5000:]
    expect_quality_and_gold(cluster, shipped, submit, tmp_path)
    expect_undisturbed(spark, settings, tmp_path)
    expect_the_gold_of_one_machine(spark, settings, tmp_path)


def expect_quality_and_gold(cluster: SparkCluster, shipped: Shipped, submit: Run, folder: Path) -> None:
    """One driver, with the code from --py-files: where executors found it, then the gates and gold."""
    file = folder / "executors.json"
    driver = submit(
        *("tests/support/executors_code.py", str(file), "run", "--select", "gold"),
        more=("--py-files", str(shipped.code)),
    )
    assert driver.process.wait(TIMEOUT) == 0, driver.said()[-5000:]
    executors = json.loads(file.read_text(encoding="utf-8"))
    assert executors
    for executor in executors:
        folder = Path(executor["folder"])
        assert folder.is_relative_to(cluster.work)
        assert executor["code"] == str(folder / "lakehouse.zip" / "lakehouse" / "__init__.py")
        assert executor["packages"] == str(folder / "environment" / "numpy" / "__init__.py")
        # besides what Spark itself puts there
        path = [entry for entry in executor["path"].split(":") if not entry.startswith(str(SPARK_HOME))]
        assert set(path) == {"environment"}


def expect_the_gold_of_one_machine(spark: SparkSession, settings: Settings, folder: Path) -> None:
    """`expect_undisturbed` has written bronze and silver there."""
    local = settings.model_copy(update={"root": str(folder / "undisturbed")})
    for job in (rate_affinity, count_popularity, recommend):
        job.run(spark, local)
    for table in GOLD:
        got, wanted = contents(settings.root, table), contents(local.root, table)
        assert got == wanted, table.sql_name
        assert got, table.sql_name
