"""Features named in process are those that Spark names for the affinity ratings."""

import datetime as dt

import pytest
from pyspark.sql import SparkSession

from gold.affinity.cosine import named_features, title_tastes
from gold.affinity.features import Weights
from gold.explanations.titles import read_titles, with_features
from lakehouse.lakehouse import Lakehouse
from lakehouse.settings import Settings
from lakehouse.storage import overwrite, read
from lakehouse.tables import SILVER_CONTENT

NOON = dt.datetime(2026, 3, 1, 12, tzinfo=dt.UTC)
SOURCE = (NOON, NOON, "topic", 0, 0)
EQUAL = Weights(genre=1, director=1, actor=1, rating=1, decade=1)


@pytest.mark.parametrize("weights", [EQUAL, EQUAL._replace(director=0, decade=0)])
def test_both_ways_name_the_same_features(sample: Settings, spark: SparkSession, weights: Weights) -> None:
    spark_rows = title_tastes(read(spark, sample.root, SILVER_CONTENT)).select("id", named_features(weights))
    named = with_features(read_titles(Lakehouse(sample.root)), weights=weights)
    assert named.num_rows > 10
    assert dict(zip(named["id"].to_pylist(), named["features"].to_pylist(), strict=True)) == dict(
        spark_rows.collect()
    )


def test_a_value_in_two_roles_is_two_features_and_one_that_is_missing_is_none(
    spark: SparkSession, tmp_path_factory: pytest.TempPathFactory
) -> None:
    root = str(tmp_path_factory.mktemp("titles") / "lakehouse")
    rows = [
        ("both", "movie", "A", ["G", "G"], ["Ana"], ["Ana", "Bo"], "PG", "1990s", None, None, *SOURCE),
        ("bare", "movie", "B", [], [], [], None, None, None, None, *SOURCE),
    ]
    content = spark.createDataFrame(rows, SILVER_CONTENT.schema)
    overwrite(content, root, SILVER_CONTENT)
    features = {
        "both": ["genre:G", "director:Ana", "actor:Ana", "actor:Bo", "rating:PG", "decade:1990s"],
        "bare": [],
    }
    assert dict(title_tastes(content).select("id", named_features(EQUAL)).collect()) == features
    named = with_features(read_titles(Lakehouse(root)), weights=EQUAL)
    assert dict(zip(named["id"].to_pylist(), named["features"].to_pylist(), strict=True)) == features
