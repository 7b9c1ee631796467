"""What the tests of streams share beside tests/conftest.py."""

import shutil
from pathlib import Path

import pytest
from pyspark.sql import SparkSession

from lakehouse.settings import Settings
from tests.streams.quarantined import make


@pytest.fixture(scope="session")
def quarantined(spark: SparkSession, tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """A lakehouse with a quarantine that no test changes."""
    return make(spark, tmp_path_factory.mktemp("quarantined") / "lakehouse")


@pytest.fixture
def copied(quarantined: Settings, tmp_path: Path) -> Settings:
    """The same for one test alone."""
    return quarantined.model_copy(update={"root": str(shutil.copytree(quarantined.root, tmp_path / "lakehouse"))})
