"""Two Spark drivers that append to one table in S3, 50 rows each, 20 times: no commit is lost."""

from pathlib import Path

import pytest

from lakehouse.settings import load_settings
from tests.support.appends import commits_of, create_table
from tests.support.processes import TIMEOUT, Running
from tests.support.s3_server import Server, moto, s3_server, versitygw

APPENDS, ROUNDS = 50, 20


@pytest.mark.parametrize("server", [moto, versitygw])
def test_two_drivers_lose_no_commit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, server: Server) -> None:
    with s3_server(server, tmp_path) as s3:
        for name, value in s3.variables.items():
            monkeypatch.setenv(name, value)
        settings = load_settings().model_copy(update={"root": s3.root("race")})
        create_table(settings.root)
        drivers = [
            Running(settings, tmp_path / f"{name}.log", "tests.support.appends", name, str(APPENDS * ROUNDS))
            for name in "ab"
        ]
        for driver in drivers:
            assert driver.process.wait(TIMEOUT * 3) == 0, driver.said()
        wanted = [(name, number) for name in "ab" for number in range(APPENDS * ROUNDS)]
        assert commits_of(settings.root) == dict.fromkeys(wanted, 1)
