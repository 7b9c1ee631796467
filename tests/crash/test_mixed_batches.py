"""Silver's micro-batches by Spark and in process, mixed at random and interrupted at any commit."""

import os
from collections.abc import Mapping
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pyspark.sql import SparkSession

from tests.support.batch_sequences import Way, expect_latest_events
from tests.support.batch_ways import create_silver, sequence_ways

EXAMPLES = int(os.environ.get("CRASH_SEQUENCES", "60"))


@pytest.fixture(scope="module")
def empty(spark: SparkSession, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return create_silver(spark, tmp_path_factory.mktemp("empty"))


@pytest.fixture(scope="module")
def ways(spark: SparkSession) -> Mapping[str, Way]:
    return sequence_ways(spark)


@settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_any_mix_of_ways_ends_in_the_latest_events(
    ways: Mapping[str, Way], empty: Path, data: st.DataObject
) -> None:
    """Another sequence each time; Hypothesis prints the smallest one that fails."""
    expect_latest_events(empty, data, ways)
