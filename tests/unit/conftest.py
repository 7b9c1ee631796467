"""Unit tests start no JVM and no broker: `make test-quick` is for running while you write code."""

from typing import NoReturn

import pytest

from tests.support.outcome import Command, command_with


@pytest.fixture(scope="session")
def spark() -> NoReturn:
    pytest.fail("a unit test asks for Spark: it belongs in tests/spark")


@pytest.fixture(scope="session")
def command() -> Command:
    """Runs `lakehouse` in this process. A command that asks for Spark fails the test."""

    def session(name: str, **_: object) -> NoReturn:
        pytest.fail(f"{name} asks for Spark")

    return command_with(session)


@pytest.fixture(scope="session")
def broker() -> NoReturn:
    pytest.fail("a unit test asks for a broker: it belongs in tests/spark or tests/processes")
