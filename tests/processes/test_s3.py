"""A root in an object store: the layers, the checks and several writers, on a real S3 server.

Its keys have signs that addresses encode. Every process gets the credentials from its environment alone.
"""

import os
import subprocess
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from lakehouse.exports import write_file
from lakehouse.folders import open_folder
from lakehouse.kafka.client import configured_cluster
from lakehouse.kafka.topics import ensure_topics
from lakehouse.lakehouse import Lakehouse
from lakehouse.leases import HeldError, leased
from lakehouse.locks import RunningError, only_run
from lakehouse.settings import Settings
from lakehouse.stores import object_store
from producers.made_up.activity import feedback_records
from producers.made_up.entities import movie_records, user_records
from producers.sending.delivery import publish
from tests.support.appends import append_by_delta_rs, commits_of, create_table
from tests.support.processes import BIN, TIMEOUT, Running, await_condition, environment
from tests.support.s3_server import S3, SECRET, moto, s3_server
from tests.support.small import with_small_demo

APPENDS = 10
# A checkpoint, whose file at the top says which stream it is.
FILES = ("metadata", "offsets/0", "offsets/1", "sources/0/deep")


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[S3]:
    with s3_server(moto, tmp_path_factory.mktemp("s3")) as s3:
        yield s3


@pytest.fixture
def s3(server: S3, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, small_jobs: dict[str, str]) -> S3:
    for name, value in {**server.variables, **small_jobs, "XDG_STATE_HOME": str(tmp_path / "state")}.items():
        monkeypatch.setenv(name, value)
    return server


def lakehouse(
    settings: Settings, variables: Mapping[str, str], folder: Path, *arguments: str
) -> subprocess.CompletedProcess[str]:
    """Run the command in this folder, which it leaves empty. It prints no secret."""
    folder.mkdir(exist_ok=True)
    done = subprocess.run(
        [BIN / "lakehouse", *arguments],
        cwd=folder,
        env={**environment(settings), **variables},
        capture_output=True,
        text=True,
        timeout=TIMEOUT,
        check=False,
    )
    assert list(folder.iterdir()) == []
    assert SECRET not in done.stdout + done.stderr
    return done


def send(settings: Settings) -> None:
    """Users, movies and feedback, some of them broken."""
    kafka, cluster = settings.kafka, configured_cluster(settings.kafka)
    ensure_topics(cluster, kafka.topics, partitions=1, replication_factor=1, timeout_seconds=20)
    sent = {
        kafka.users_topic: user_records(1, 40, dirty=0.1),
        kafka.movies_topic: movie_records(1, 30),
        kafka.feedback_topic: feedback_records(1, 300, users=40, movies=30, series=0),
    }
    for topic, records in sent.items():
        publish(records, topic=topic, cluster=cluster).require_complete(topic)


def test_all_layers(s3: S3, settings: Settings, tmp_path: Path, small_jobs: dict[str, str]) -> None:
    settings = with_small_demo(settings).model_copy(update={"root": s3.root("layers"), "kafka": settings.kafka})
    here = tmp_path / "here"
    send(settings)
    done = lakehouse(settings, small_jobs, here, "run", "--select", "bronze+", "--no-gate")
    assert done.returncode == 0, done.stdout + done.stderr
    for command in ("audit", "status", "report", "export --no-gate", "history silver.users", "config", "doctor"):
        done = lakehouse(settings, small_jobs, here, *command.split())
        assert done.returncode == 0, f"{command}: {done.stdout}{done.stderr}"
    lake = Lakehouse(settings.root)
    assert lake.query("SELECT count(*) AS n FROM users", users="silver.users").to_pylist()[0]["n"] > 30
    assert lake.query("SELECT count(*) AS n FROM r", r="gold.recommendations").to_pylist()[0]["n"] > 0
    assert "report.html" in open_folder(f"{settings.root}/exports").names()
    logs = [path for path in (tmp_path / "state").rglob("*") if path.is_file()]
    assert {path.name for path in logs} >= {"spark.log", "stream_progress.jsonl"}
    assert not [path for path in logs if SECRET in path.read_text(encoding="utf-8", errors="replace")]


def test_of_many_writers_none_loses_a_commit(
    s3: S3, settings: Settings, tmp_path: Path, small_jobs: dict[str, str]
) -> None:
    """Spark beside delta-rs: each reads the other's commits and puts its own after them."""
    settings = settings.model_copy(update={"root": s3.root("race")})
    create_table(settings.root)
    command = ("tests.support.appends", "spark", str(APPENDS))
    driver = Running(settings, tmp_path / "spark.log", *command, variables=small_jobs)
    first = ("spark", 0)
    await_condition(
        lambda: not driver.alive() or first in commits_of(settings.root), "Spark's first commit", every=0.5
    )
    with ThreadPoolExecutor(2) as threads:
        writers = [threads.submit(append_by_delta_rs, settings.root, name, 5 * APPENDS) for name in "ab"]
        code = driver.process.wait(TIMEOUT)
    assert code == 0, driver.said()
    for writer in writers:
        writer.result()
    wanted = [("spark", number) for number in range(APPENDS)]
    wanted += [(name, number) for name in "ab" for number in range(5 * APPENDS)]
    assert commits_of(settings.root) == dict.fromkeys(wanted, 1)


def test_a_lock_is_held_across_processes(s3: S3) -> None:
    place = f"{s3.root('locks')}/ops"
    with only_run(place, "silver"):
        refused = pytest.raises(RunningError, match=rf"silver is already running, in process {os.getpid()} on ")
        with refused, only_run(place, "silver"):
            pass
        with only_run(place, "bronze", by="lakehouse maintain"):
            held = pytest.raises(RunningError, match=r"bronze is being changed by lakehouse maintain, in process ")
            with held as error, only_run(place, "bronze"):
                pass
        assert error.value.command == "lakehouse maintain"  # for which a stream waits


def test_one_of_many_takes_a_lease(s3: S3) -> None:
    store = object_store(f"{s3.root('leases')}/ops")

    def take(_: int) -> bool:
        try:
            with leased(store, "silver.lock"):
                ended.result()
                return True
        except HeldError:
            return False

    with ThreadPoolExecutor(9) as threads:
        losers: list[bool] = []
        ended = threads.submit(await_condition, lambda: len(losers) == 7, "all others")
        for taken in [threads.submit(take, number) for number in range(8)]:
            taken.add_done_callback(lambda done: losers.append(done.result()))
    assert sorted(losers) == [False] * 7 + [True]


@pytest.mark.parametrize(
    ("old_has", "new_has"),
    [(FILES, ()), (FILES, FILES[:1]), (FILES[:1], FILES)],
    ids=["whole", "cut off while copying", "cut off while deleting"],
)
def test_a_folder_moves(s3: S3, old_has: tuple[str, ...], new_has: tuple[str, ...]) -> None:
    old, new = (open_folder(s3.root(f"moves/{name}")) for name in ("old", "new"))
    for folder, names in ((old, old_has), (new, new_has)):
        for name in names:
            write_file(s3.root(f"moves/{Path(folder.path).name}/{name}"), name.encode())
    old.move(new)
    assert old.names() == []
    assert [new.read(name).decode() for name in FILES] == list(FILES)
    for name in new.names():
        new.delete(name)
