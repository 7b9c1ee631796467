"""Spark repeats a micro-batch of silver after each of its commits, whoever began it."""

from collections.abc import Mapping
from functools import partial
from itertools import product
from pathlib import Path

import pytest
from pyspark.sql import SparkSession

from tests.support.batch_ways import SPARK, WAYS, create_silver
from tests.support.two_batches import BEFORE, PREFIXES, Undisturbed, copied, went_both_ways


@pytest.fixture(scope="module", params=[BEFORE, []], ids=["a later batch", "the first batch"])
def both_ways(
    spark: SparkSession, tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest
) -> Mapping[str, Undisturbed]:
    empty = create_silver(spark, tmp_path_factory.mktemp("empty"))
    new_root = partial(copied, empty)
    return went_both_ways(spark, new_root, lambda: tmp_path_factory.mktemp("batch"), before=request.param)


@pytest.mark.parametrize(("began", "commits"), product(WAYS, range(PREFIXES)))
def test_spark_repeats_a_batch_after_a_crash(
    both_ways: Mapping[str, Undisturbed], tmp_path: Path, began: str, commits: int
) -> None:
    both_ways[began].expect_repeatable(commits, SPARK, tmp_path)
