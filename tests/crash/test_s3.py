"""Two Spark drivers append to one table in S3, in a race for each version and at full speed: no commit is lost."""

from pathlib import Path

import pytest

from lakehouse.settings import Settings, load_settings
from tests.support.appends import commits_of, create_table
from tests.support.processes import TIMEOUT, Running
from tests.support.s3_server import S3, Server, moto, racing_moto, s3_server, versitygw

APPENDS, ROUNDS = 50, 20


def settings_in(s3: S3, name: str, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """The settings of a root on this server, by which this process and those that it starts reach it."""
    for variable, value in s3.variables.items():
        monkeypatch.setenv(variable, value)
    return load_settings().model_copy(update={"root": s3.root(name)})


@pytest.fixture(scope="module", autouse=True)
def jars(tmp_path_factory: pytest.TempPathFactory) -> None:
    """S3's jars in their cache: two first drivers would write to it at once, and both fail."""
    settings = load_settings().model_copy(update={"root": "s3a://bucket/root"})
    first = Running(settings, tmp_path_factory.mktemp("jars") / "log", "tests.support.appends", "none", "0")
    assert first.process.wait(TIMEOUT) == 0, first.said()


def append_by_two_drivers(settings: Settings, folder: Path, count: int, *log_store: str) -> None:
    """Each reports that it has committed all its rows."""
    create_table(settings.root)
    drivers = [
        Running(settings, folder / f"{name}.log", "tests.support.appends", name, str(count), *log_store)
        for name in "ab"
    ]
    for driver in drivers:
        assert driver.process.wait(TIMEOUT * 3) == 0, driver.said()


@pytest.mark.parametrize("log_store", ["ours", "default"])
def test_in_a_race_for_every_version_only_our_log_store_loses_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, log_store: str
) -> None:
    """A control experiment: with Delta's default both drivers write the same versions, and report success."""
    count = 5
    with s3_server(racing_moto, tmp_path) as s3:
        settings = settings_in(s3, "race", monkeypatch)
        append_by_two_drivers(settings, tmp_path, count, log_store)
        found = commits_of(settings.root)
    races = len((tmp_path / "races").read_text(encoding="utf-8").splitlines())
    assert races > 0
    wanted = dict.fromkeys([(name, number) for name in "ab" for number in range(count)], 1)
    if log_store == "ours":
        assert found == wanted
    else:
        assert len(found) == 2 * count - races


@pytest.mark.parametrize("server", [moto, versitygw])
def test_two_drivers_lose_no_commit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, server: Server) -> None:
    with s3_server(server, tmp_path) as s3:
        settings = settings_in(s3, "race", monkeypatch)
        append_by_two_drivers(settings, tmp_path, APPENDS * ROUNDS)
        wanted = [(name, number) for name in "ab" for number in range(APPENDS * ROUNDS)]
        assert commits_of(settings.root) == dict.fromkeys(wanted, 1)
