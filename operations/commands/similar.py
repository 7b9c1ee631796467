"""`lakehouse similar CONTENT_ID`: the most similar titles, by what they share and by who likes them."""

import argparse
from collections.abc import Mapping
from typing import Any

from pyspark.sql import SparkSession

from gold.affinity.cosine import describe_titles
from gold.affinity.title_index import Weights, index_features
from gold.explanations.neighbours import factor_vectors, feature_vectors, nearest_titles
from gold.explanations.reasons import shared_features, tastes_of
from gold.models.files import is_saved, load_model
from gold.models.registry import published, read_records
from gold.rate_affinity import chosen_weights
from lakehouse.spark.lakehouse import SparkLakehouse
from lakehouse.storage import read
from lakehouse.tables import SILVER_CONTENT
from operations.call import Call
from operations.commands.unknown import as_in_silver, unknown_id
from operations.output import cell, print_json, print_table

_WITHOUT_MODEL = "by who likes them: the published model knows nothing of this title"


def run(args: argparse.Namespace, call: Call) -> int:
    settings = call.settings
    with call.spark() as spark:
        found = similar_titles(
            spark,
            settings.root,
            as_in_silver(args.content_id),
            weights=chosen_weights(settings.gold.affinity),
            count=args.limit,
        )
    if args.json:
        print_json(found)
        return 0
    rows = [_told(title) for title in found["by_features"]]
    print(f"like {cell(found['content_id'])} ({cell(found['titulo'])}), by what they share")
    print_table(("content_id", "title", "similarity", "shared"), rows)
    if found["by_factors"]:
        rows = [(title["content_id"], title["titulo"], title["similarity"]) for title in found["by_factors"]]
        print(f"by who likes them, as model {found['model_version']} has learnt it")
        print_table(("content_id", "title", "similarity"), rows)
    else:
        print(_WITHOUT_MODEL)
    return 0


def similar_titles(
    spark: SparkSession, root: str, content_id: str, *, weights: Weights, count: int
) -> dict[str, Any]:
    """The neighbours in their JSON form. Raises InputError if the title is unknown."""
    content = read(spark, root, SILVER_CONTENT)
    table = describe_titles(content, weights=weights).toArrow().sort_by("id")
    titles = {row["id"]: row for row in table.drop_columns("features").to_pylist()}
    if content_id not in titles:
        raise unknown_id("title", content_id, content)
    title = titles[content_id]
    vectors = feature_vectors(index_features(table, weights=weights))
    by_features = [
        {
            **_named(neighbour, titles),
            "shared": shared_features(tastes_of(title), titles[neighbour.content_id])._asdict(),
        }
        for neighbour in nearest_titles(vectors, content_id, count=count)
    ]
    record = published(read_records(SparkLakehouse(root, spark)))
    version = None if record is None else record.model_version
    by_factors = [] if version is None else _by_factors(spark, root, version, content_id, titles, count)
    return {
        "content_id": content_id,
        "titulo": title["titulo"],
        "model_version": version,
        "by_features": by_features,
        "by_factors": by_factors,
    }


def _by_factors(
    spark: SparkSession, root: str, version: str, content_id: str, titles: Mapping[str, Any], count: int
) -> list[dict[str, Any]]:
    """The nearest titles by item factors; empty if the model is not saved, has none, or has not seen the title."""
    frames = (
        load_model(SparkLakehouse(root, spark), version).frames
        if is_saved(SparkLakehouse(root, spark), version)
        else {}
    )
    if "item_factors" not in frames:
        return []
    vectors = factor_vectors(frames["item_factors"])
    return [_named(found, titles) for found in nearest_titles(vectors, content_id, count=count, among=titles)]


def _named(neighbour: Any, titles: Mapping[str, Any]) -> dict[str, Any]:
    title = titles[neighbour.content_id]
    return {**neighbour._asdict(), "titulo": title["titulo"], "type": title["type"]}


def _told(title: Mapping[str, Any]) -> tuple[Any, ...]:
    shared = [value for values in title["shared"].values() for value in values]
    return (title["content_id"], title["titulo"], title["similarity"], ", ".join(shared))
