"""Unit tests start no JVM and no broker: `make test-quick` is for running while you write code."""

from typing import NoReturn

import pytest


@pytest.fixture(scope="session")
def spark() -> NoReturn:
    pytest.fail("a unit test asks for Spark: it belongs in tests/spark")


@pytest.fixture(scope="session")
def broker() -> NoReturn:
    pytest.fail("a unit test asks for a broker: it belongs in tests/spark or tests/processes")
