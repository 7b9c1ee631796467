"""Lists for 100,000 users whose ids differ only beyond what a double holds."""

from pathlib import Path

from pyspark.sql import SparkSession
from pyspark.sql import functions as F

from gold.affinity.cosine import index_titles, title_tastes
from gold.affinity.features import FeatureWeights
from gold.popularity import order_titles
from gold.recommender.blend import held_blend, train_blend
from gold.recommender.factors import checkpoint_folder
from gold.recommender.lists import describe_users, make_lists
from gold.recommender.recipes import recipe_of
from gold.recommender.titles import join_titles
from lakehouse.settings import load_settings
from lakehouse.spark.lakehouse import SparkLakehouse
from tests.support.small import with_quick_models

BEYOND_DOUBLES = 90071992547409931


def test_100_000_distinct_ids(spark: SparkSession, tmp_path: Path) -> None:
    people, weights = 99_600, FeatureWeights(1.0, 1.0, 1.0, 1.0, 1.0)
    content = spark.range(400).select(
        F.format_string("t%03d", "id").alias("id"),
        *[F.array(F.format_string("g%d", F.col("id") % 7)).alias(kind) for kind in ("generos",)],
        *[F.array().cast("array<string>").alias(kind) for kind in ("directores", "actores")],
        *[F.lit(None).cast("string").alias(kind) for kind in ("clasificacion", "decada_lanzamiento")],
    )
    feedback = spark.range(people).select(
        F.col("id").cast("string").alias("id"),
        (F.col("id") + BEYOND_DOUBLES).cast("string").alias("user_id"),
        F.format_string("t%03d", F.pmod(F.xxhash64("id"), F.lit(400))).alias("content_id"),
        F.lit("rating").alias("action"),
        F.lit(5.0).alias("rating"),
        F.timestamp_seconds("id").alias("event_timestamp"),
    )
    features = feedback.select("user_id", F.array().cast("array<string>").alias("features"))
    nobody = spark.createDataFrame([], "user_id string, content_id string, rating double")
    recipe = recipe_of(with_quick_models(load_settings()).gold)
    recipe = recipe._replace(order=recipe.order[:1])  # each further one takes half a minute
    with (
        checkpoint_folder(SparkLakehouse(str(tmp_path), spark)),
        held_blend(train_blend(feedback, recipe=recipe)) as blend,
    ):
        popular = order_titles(content, feedback, nobody)
        index = index_titles(title_tastes(content), weights=weights)
        lists = make_lists(
            describe_users(features, feedback, nobody, evidence=recipe.evidence),
            blend,
            join_titles(index, blend, popular),
            titles_per_user=2,
            partitions=2,
            model_version="m",
        )
        found = lists.agg(
            F.count("*").alias("rows"),
            F.count_distinct("user_id").alias("users"),
            F.count(F.when(F.isnan("predicted_rating"), True)).alias("nans"),
        ).collect()[0]
    assert tuple(found) == (2 * people, people, 0)
