"""The object store is gone for a while under both streams: they wait for it, and go on by themselves."""

import re
import signal
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from pyspark.sql import SparkSession

from lakehouse.lakehouse import Lakehouse
from lakehouse.settings import Settings
from lakehouse.tables import BRONZE_EVENTS, BRONZE_FEEDBACK, SILVER_BATCHES
from tests.support.kill_points import MADE, send_batch
from tests.support.processes import Running, await_condition
from tests.support.s3_server import S3, moto, s3_server
from tests.support.tcp_proxy import proxy_of
from tests.support.undisturbed import expect_the_rows_of_an_undisturbed_run

TRIES = re.compile(r"^lakehouse: .*; trying again in (\d+) s$", re.MULTILINE)


def taken(settings: Settings) -> tuple[int, int]:
    """How many rows bronze has, and how many silver has read."""
    lake = Lakehouse(settings.root)
    bronze = sum(lake.read(table, columns=["offset"]).num_rows for table in (BRONZE_EVENTS, BRONZE_FEEDBACK))
    return bronze, sum(lake.read(SILVER_BATCHES)["rows_in"].to_pylist())


def await_more(settings: Settings, rows: int, live: Mapping[str, Running]) -> None:
    """Both streams have taken all of a batch that was sent after bronze had so many rows."""

    def is_taken() -> bool:
        bronze, silver = taken(settings)
        return bronze == silver > rows

    def is_over() -> bool:
        return not all(stream.alive() for stream in live.values())

    await_condition(lambda: is_over() or is_taken(), "the next batch", every=0.5)
    assert not is_over(), [stream.said() for stream in live.values()]


def test_streams_wait_for_a_lost_store(
    spark: SparkSession,
    settings: Settings,
    small_jobs: dict[str, str],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    with s3_server(moto, tmp_path) as s3, proxy_of(int(urlsplit(s3.endpoint).port or 0)) as proxy:
        reached = S3(f"http://127.0.0.1:{proxy.port}")
        for name, value in reached.variables.items():
            monkeypatch.setenv(name, value)
        settings = settings.model_copy(update={"root": s3.root("lost")})
        send_batch(settings, seed=1)
        for module in MADE:  # both have run before
            first = Running(settings, tmp_path / "first.log", module, variables=small_jobs)
            assert first.process.wait() == 0, first.said()
        rows, _ = taken(settings)
        live = {
            module: Running(settings, tmp_path / f"{module}.log", module, "--trigger", "1s", variables=small_jobs)
            for module in MADE
        }
        try:
            send_batch(settings, seed=2)
            await_more(settings, rows, live)
            rows, _ = taken(settings)
            proxy.cut()
            send_batch(settings, seed=3)
            for module, stream in live.items():
                await_condition(
                    lambda stream=stream: len(TRIES.findall(stream.said())) > 1 or not stream.alive(),  # type: ignore[misc]
                    f"{module}: two tries without the store",
                    every=0.5,
                )
                assert stream.alive(), stream.said()
            proxy.join()
            await_more(settings, rows, live)
            for stream in live.values():
                assert stream.stop(signal.SIGTERM) == 0, stream.said()
        finally:
            for stream in live.values():
                if stream.alive():
                    stream.kill()
        for stream in live.values():
            pauses = [int(seconds) for seconds in TRIES.findall(stream.said())]
            assert pauses[:2] == [1, 2], stream.said()
            assert "Traceback" not in stream.said()
        # not through the proxy, whose threads would wait for this process' own requests
        for name, value in s3.variables.items():
            monkeypatch.setenv(name, value)
        expect_the_rows_of_an_undisturbed_run(spark, settings, tmp_path)
