"""`lakehouse recommend USER_ID`: the user's list, and why each title is on it."""

import argparse
from collections.abc import Mapping, Sequence
from typing import Any

from pyspark.sql import Row, SparkSession
from pyspark.sql import functions as F

from gold.affinity.cosine import describe_titles
from gold.affinity.title_index import Weights, index_features
from gold.explanations.neighbours import Vectors, factor_vectors, feature_vectors
from gold.explanations.reasons import explain, liked_alike, liked_titles, shared_features
from gold.models.files import is_saved, load_model
from gold.rate_affinity import chosen_weights
from lakehouse.errors import InputError
from lakehouse.spark.lakehouse import SparkLakehouse
from lakehouse.storage import read
from lakehouse.tables import GOLD_RECOMMENDATIONS, SILVER_CONTENT, SILVER_FEEDBACK, SILVER_USERS
from operations.call import Call
from operations.commands.unknown import as_in_silver, unknown_id
from operations.output import cell, print_json, print_table


def run(args: argparse.Namespace, call: Call) -> int:
    settings = call.settings
    with call.spark() as spark:
        found = explained_list(
            spark,
            settings.root,
            as_in_silver(args.user_id),
            weights=chosen_weights(settings.gold.affinity),
            liked_from=settings.gold.feedback.liked_from,
        )
    if args.json:
        print_json(found)
        return 0
    print(f"for {cell(found['user_id'])} ({cell(found['nombre_usuario'])}), by model {found['model_version']}")
    columns = ("rank", "titulo", "predicted_rating", "source", "reason")
    rows = [[title[name] for name in columns] for title in found["titles"]]
    print_table(("rank", "title", "rating", "source", "reason"), rows)
    return 0


def explained_list(
    spark: SparkSession, root: str, user_id: str, *, weights: Weights, liked_from: float
) -> dict[str, Any]:
    """The user's list in its JSON form. Raises InputError if the user is unknown or has no list yet."""
    places = read(spark, root, GOLD_RECOMMENDATIONS).where(F.col("user_id") == user_id).orderBy("rank").collect()
    users = read(spark, root, SILVER_USERS)
    user = users.where(F.col("id") == user_id).first()
    if not places and user is None:
        raise unknown_id("user", user_id, users)
    if not places:
        raise InputError(f"user {user_id!r} has no list yet", todo="lakehouse run --select gold makes it")
    events = read(spark, root, SILVER_FEEDBACK).where(F.col("user_id") == user_id)
    columns = ("id", "content_id", "action", "rating", "event_timestamp")
    liked = liked_titles([row.asDict() for row in events.select(*columns).collect()], liked_from=liked_from)
    version, listed = places[0]["model_version"], [place["content_id"] for place in places]
    titles, by_features = _titles(spark, root, listed, liked, weights=weights)
    by_factors = _factors(spark, root, version, {*listed, *liked}) if liked else None
    tastes = None if user is None else user.asDict()
    return {
        "user_id": user_id,
        "nombre_usuario": None if user is None else user["nombre_usuario"],
        "model_version": version,
        "titles": [_explained(place, titles, tastes, liked, by_features, by_factors) for place in places],
    }


def _titles(
    spark: SparkSession, root: str, listed: Sequence[str], liked: Sequence[str], *, weights: Weights
) -> tuple[dict[str, dict[str, Any]], Vectors | None]:
    """The listed and the liked titles by id, and the vectors of all titles if any is liked.

    A feature's weight depends on how rare it is among all titles; without a liked title it is not needed.
    """
    wanted = {*listed, *liked}
    described = describe_titles(read(spark, root, SILVER_CONTENT), weights=weights)
    if not liked:
        rows = described.where(F.col("id").isin(sorted(wanted))).drop("features").collect()
        return {row["id"]: row.asDict() for row in rows}, None
    table = described.toArrow().sort_by("id")
    titles = {row["id"]: row for row in table.drop_columns("features").to_pylist() if row["id"] in wanted}
    return titles, feature_vectors(index_features(table, weights=weights))


def _factors(spark: SparkSession, root: str, model_version: str, content_ids: set[str]) -> Vectors | None:
    """What the list's model has learnt about these titles, if it has item factors."""
    if not is_saved(SparkLakehouse(root, spark), model_version):
        return None
    factors = load_model(SparkLakehouse(root, spark), model_version).frames.get("item_factors")
    return None if factors is None else factor_vectors(factors, only=content_ids)


def _explained(
    place: Row,
    titles: Mapping[str, Mapping[str, Any]],
    tastes: Mapping[str, Any] | None,
    liked: Sequence[str],
    by_features: Vectors | None,
    by_factors: Vectors | None,
) -> dict[str, Any]:
    content_id, source = place["content_id"], place["source"]
    title = titles.get(content_id, {})
    shared = shared_features(tastes, title)
    # a place that the model gave is explained by what the model has learnt, if that says anything
    order = (by_factors, by_features) if source == "als" else (by_features,)
    alike = liked_alike(content_id, liked, [vectors for vectors in order if vectors is not None])
    named = [
        {**neighbour._asdict(), "titulo": titles.get(neighbour.content_id, {}).get("titulo")}
        for neighbour in alike
    ]
    return {
        "rank": place["rank"],
        "content_id": content_id,
        "titulo": title.get("titulo"),
        "predicted_rating": place["predicted_rating"],
        "source": source,
        "shared": shared._asdict(),
        "liked_alike": named,
        "reason": explain(shared, [like["titulo"] or like["content_id"] for like in named], source=source),
    }
