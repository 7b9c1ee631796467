"""A root in S3 through what goes wrong: kill -9 between any two commits, and the commands that repair a lakehouse.

Each driver and command is a process of its own; its root is in the store, and that of the comparison is local.
"""

import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from pyspark.sql import SparkSession

from lakehouse.folders import open_folder
from lakehouse.history.snapshots import live_files
from lakehouse.lakehouse import Lakehouse
from lakehouse.settings import Settings
from lakehouse.tables import BRONZE_EVENTS, GOLD_RECOMMENDATIONS, SILVER_USERS
from maintenance.small_files import LEAST_FILES
from tests.support.kill_points import MADE, POINTS, kill_in_batch, send_batch
from tests.support.processes import BIN, TIMEOUT, Running, await_condition
from tests.support.s3_server import S3, Server, moto, s3_server, versitygw
from tests.support.small import with_quick_models
from tests.support.undisturbed import expect_the_rows_of_an_undisturbed_run

Start = Callable[..., Running]


@pytest.fixture(scope="module", params=[moto, versitygw], ids=lambda server: server.__name__)
def server(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[S3]:
    chosen: Server = request.param
    with s3_server(chosen, tmp_path_factory.mktemp("s3")) as s3:
        yield s3


@pytest.fixture
def in_store(server: S3, settings: Settings, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Settings:
    for name, value in server.variables.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    return with_quick_models(settings).model_copy(update={"root": server.root(tmp_path.name)})


@pytest.fixture
def start(small_jobs: dict[str, str], tmp_path: Path) -> Iterator[Start]:
    """Starts a process of these settings; all write to one log. Those that still run at the end are killed."""
    started: list[Running] = []

    def begin(settings: Settings, *command: str, **options: object) -> Running:
        started.append(Running(settings, tmp_path / "log", *command, variables=small_jobs, **options))  # type: ignore[arg-type]
        return started[-1]

    yield begin
    for one in started:
        if one.alive():
            one.kill()


@pytest.fixture
def lakehouse(start: Start) -> Callable[..., int]:
    """Runs a command and returns its exit code."""

    def run(settings: Settings, *command: str) -> int:
        return start(settings, *command, program=(str(BIN / "lakehouse"),)).process.wait(TIMEOUT)

    return run


def test_kills_between_any_two_commits(
    spark: SparkSession, in_store: Settings, start: Start, tmp_path: Path
) -> None:
    """One batch of each stream, interrupted at each point in turn: each start repeats it and gets further."""
    send_batch(in_store, seed=1)
    for module in MADE:
        finish(start(in_store, module))
    send_batch(in_store, seed=2)
    for module in MADE:
        for name in [name for name, point in POINTS.items() if point.module == module]:
            kill_in_batch(in_store, name, start(in_store, module))
        finish(start(in_store, module))
    expect_the_rows_of_an_undisturbed_run(spark, in_store, tmp_path)


def finish(driver: Running) -> None:
    assert driver.process.wait(TIMEOUT) == 0, driver.said()[-3000:]


def test_what_a_repair_changes_is_what_it_says(
    spark: SparkSession, in_store: Settings, start: Start, lakehouse: Callable[..., int], tmp_path: Path
) -> None:
    """quarantine replay, restore, rebuild silver and rebuild bronze, each with work to do, between two batches."""
    lake = Lakehouse(in_store.root)

    def users() -> list[dict[str, object]]:
        return lake.read(SILVER_USERS).sort_by("id").to_pylist()

    def refused() -> int:
        rows = lake.query("SELECT count(*) AS n FROM q WHERE status = 'open'", q="silver.quarantine")
        return int(rows.to_pylist()[0]["n"])

    few = in_store.silver.model_copy(update={"clasificaciones": ("G", "PG")})
    take_batch(in_store.model_copy(update={"silver": few}), start, seed=1)
    before = refused()
    assert lakehouse(in_store, "quarantine", "replay", "--rule", "clasificacion_unknown") == 0
    assert refused() < before

    old = users()
    version = lake.version(SILVER_USERS)
    take_batch(in_store, start, seed=2)
    new = users()
    assert lakehouse(in_store, "restore", "silver.users", str(version), "--yes") == 0
    assert users() == old != new
    assert lakehouse(in_store, "rebuild", "silver") == 0
    assert users() == new

    open_folder(f"{in_store.root}/checkpoints/bronze/events").delete("offsets")
    send_batch(in_store, seed=3)
    assert lakehouse(in_store, "run", "--select", "bronze") == 2
    assert lakehouse(in_store, "rebuild", "bronze") == 0
    take_batch(in_store, start, seed=4)
    expect_the_rows_of_an_undisturbed_run(spark, in_store, tmp_path)


def take_batch(settings: Settings, start: Start, seed: int) -> None:
    send_batch(settings, seed)
    for module in MADE:
        finish(start(settings, module))


def test_up_and_maintenance(
    spark: SparkSession, in_store: Settings, start: Start, lakehouse: Callable[..., int], tmp_path: Path
) -> None:
    """`lakehouse up` until there are recommendations; then its many small files become one per table."""
    lake = Lakehouse(in_store.root)
    up = in_store.up.model_copy(update={"trigger_seconds": 1.0, "gold_every_seconds": 10.0})
    live = start(in_store.model_copy(update={"up": up}), "operations.cli", "up", "--rate", "20")
    await_condition(
        lambda: not live.alive() or (lake.exists(GOLD_RECOMMENDATIONS) and files_of(lake) >= LEAST_FILES),
        "recommendations, and as many files of bronze as are worth joining",
        every=1.0,
    )
    assert live.stop(signal.SIGINT) == 0, live.said()[-3000:]
    for module in MADE:
        finish(start(in_store, module))
    assert lakehouse(in_store, "maintain", "bronze.events", "silver.batches") == 0
    assert files_of(lake) == 1
    expect_the_rows_of_an_undisturbed_run(spark, in_store, tmp_path)


def files_of(lake: Lakehouse) -> int:
    return len(live_files(lake, BRONZE_EVENTS))
