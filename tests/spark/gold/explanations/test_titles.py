"""Features named in process are those that Spark names for the affinity ratings."""

import datetime as dt
from collections import defaultdict

import pytest
from pyspark.sql import DataFrame, SparkSession

from gold.affinity.cosine import named_features, title_tastes
from gold.affinity.features import FeatureWeights
from gold.explanations.titles import latest_titles
from lakehouse.lakehouse import Lakehouse
from lakehouse.settings import Settings
from lakehouse.spark.lakehouse import SparkLakehouse
from lakehouse.tables import SILVER_CONTENT

NOON = dt.datetime(2026, 3, 1, 12, tzinfo=dt.UTC)
SOURCE = (NOON, NOON, "topic", 0, 0)
EQUAL = FeatureWeights(genre=1, director=1, actor=1, rating=1, decade=1)


@pytest.mark.parametrize("weights", [EQUAL, EQUAL._replace(director=0, decade=0), FeatureWeights(0, 0, 0, 0, 0)])
def test_both_ways_name_the_same_features(sample: Settings, spark: SparkSession, weights: FeatureWeights) -> None:
    found = by_spark(SparkLakehouse(sample.root, spark).read(SILVER_CONTENT), weights)
    assert without_spark(sample.root, weights) == found
    assert len(found) > 10 or not any(weights)


def test_a_value_in_two_roles_is_two_features_and_one_that_is_missing_is_none(
    spark: SparkSession, tmp_path_factory: pytest.TempPathFactory
) -> None:
    root = str(tmp_path_factory.mktemp("titles") / "lakehouse")
    rows = [
        ("both", "movie", "A", ["G", "G"], ["Ana"], ["Ana", "Bo"], "PG", "1990s", None, None, *SOURCE),
        ("bare", "movie", "B", [], [], [], None, None, None, None, *SOURCE),
    ]
    content = spark.createDataFrame(rows, SILVER_CONTENT.schema)
    SparkLakehouse(root, spark).overwrite(content, SILVER_CONTENT)
    features = {"actor:Ana", "actor:Bo", "decade:1990s", "director:Ana", "genre:G", "rating:PG"}
    assert without_spark(root, EQUAL) == by_spark(content, EQUAL) == {"both": features}


def by_spark(content: DataFrame, weights: FeatureWeights) -> dict[str, set[str]]:
    rows = title_tastes(content).select("id", named_features(weights)).collect()
    return {content_id: set(features) for content_id, features in rows if features}


def without_spark(root: str, weights: FeatureWeights) -> dict[str, set[str]]:
    found = defaultdict(set)
    for row in latest_titles(Lakehouse(root)).features(weights=weights).to_pylist():
        assert row["feature"] not in found[row["id"]]
        found[row["id"]].add(row["feature"])
    return found
