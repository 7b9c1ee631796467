"""docker-compose.yml as a running platform: started, killed, audited, taken down (`make test-containers`)."""

import os
import time
from collections.abc import Callable, Iterator

import pytest

from tests.support.compose import Platform, image_bytes, missing_for_containers
from tests.support.processes import await_condition

# From the start of the first container until everything adds up.
SECONDS = 15 * 60
# Each look is a process in a container.
EVERY = 5.0
USER = 10001


@pytest.fixture(scope="module")
def platform() -> Iterator[Platform]:
    missing = missing_for_containers()
    if missing:
        pytest.skip(missing)
    platform = Platform()
    if os.environ.get("BUILD", "yes") == "yes":
        platform.build()
    try:
        platform.up()
        yield platform
    finally:
        platform.down()


@pytest.fixture(scope="module")
def until() -> Callable[[Callable[[], bool], str], None]:
    """Wait for a condition, at most until all of the platform's time is used up."""
    ends = time.monotonic() + SECONDS

    def wait(condition: Callable[[], bool], what: str) -> None:
        await_condition(condition, what, every=EVERY, timeout=ends - time.monotonic())

    return wait


def test_nothing_is_lost_when_a_stream_and_the_broker_are_killed(
    platform: Platform, until: Callable[[Callable[[], bool], str], None]
) -> None:
    until(lambda: platform.rows("gold.recommendations") > 0, "recommendations in gold")
    assert platform.restarts("silver") == 0, "silver started before bronze's tables"

    until(lambda: platform.metric("up") == {"bronze:9464": 1, "silver:9464": 1}, "metrics of both streams")
    until(lambda: bool(platform.metric("lakehouse_stream_rows_total > 0")), "rows in Prometheus")

    before = platform.rows("silver.feedback")
    for service in ("silver", "kafka"):
        platform.kill(service)
        until(lambda service=service: platform.restarts(service) > 0, f"a new start of {service}")
    until(lambda: platform.rows("silver.feedback") > before, "more feedback in silver")

    platform.stop_producers()
    until(platform.has_read_everything, "everything of Kafka in silver")
    audit = platform.answer("audit")
    assert audit["ok"], audit["faults"]
    assert audit["silver"]["rows_in"] > before


def test_the_containers_run_as_their_own_user_on_a_file_system_that_cannot_be_written(platform: Platform) -> None:
    for service in ("bronze", "silver", "gold", "checks", "spark-master", "spark-worker", "feedback"):
        assert platform.inside(service, "id", "-u").stdout.strip() == str(USER)
        refused = platform.inside(service, "touch", "/opt/lakehouse/conf/lakehouse.toml")
        assert "Read-only file system" in refused.stderr


def test_the_image_is_smaller_than_a_spark_with_all_its_jars() -> None:
    missing = missing_for_containers()
    if missing:
        pytest.skip(missing)
    assert image_bytes("streaming-lakehouse:0.2.0") < 1_200_000_000
