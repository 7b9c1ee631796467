"""`lakehouse recommend USER_ID`: the user's list, and why each title is on it."""

import argparse
from collections.abc import Mapping, Sequence
from typing import Any

from gold.affinity.features import FeatureWeights
from gold.affinity.weights import chosen_weights
from gold.explanations.neighbours import Vectors, factor_vectors, feature_vectors
from gold.explanations.reasons import explain, liked_alike, liked_titles, shared_features
from gold.explanations.titles import latest_titles
from gold.models.saved import read_frame
from lakehouse.errors import InputError
from lakehouse.lakehouse import Lakehouse
from lakehouse.sql import text_in
from lakehouse.tables import GOLD_RECOMMENDATIONS, SILVER_FEEDBACK, SILVER_USERS
from operations.call import Call
from operations.commands.unknown import as_in_silver, unknown_id
from operations.output import cell, print_json, print_table

# What a list is explained by: no times, because pyarrow imports pandas for them, which takes a third of a second.
_USER = ("id", "nombre_usuario", "generos", "directores", "actores", "clasificacion", "decadas_favoritas")
_FEEDBACK = "SELECT id, content_id, action, rating, CAST(event_timestamp AS BIGINT) AS event_timestamp FROM events"


def run(args: argparse.Namespace, call: Call) -> int:
    settings = call.settings
    user = explained_list(
        Lakehouse(settings.root),
        as_in_silver(args.user_id),
        weights=chosen_weights(settings.gold.affinity),
        liked_from=settings.gold.feedback.liked_from,
    )
    if args.json:
        print_json(user)
        return 0
    print(f"for {cell(user['user_id'])} ({cell(user['nombre_usuario'])}), by model {user['model_version']}")
    columns = ("rank", "titulo", "predicted_rating", "source", "reason")
    rows = [[title[name] for name in columns] for title in user["titles"]]
    print_table(("rank", "title", "rating", "source", "reason"), rows)
    return 0


def explained_list(
    lakehouse: Lakehouse, user_id: str, *, weights: FeatureWeights, liked_from: float
) -> dict[str, Any]:
    """The user's list in its JSON form. Raises InputError if the user is unknown or has no list yet."""
    own = text_in("user_id", [user_id])
    places = lakehouse.read(GOLD_RECOMMENDATIONS, where=own).sort_by("rank").to_pylist()
    users = lakehouse.read(SILVER_USERS, columns=_USER, where=text_in("id", [user_id]))
    user = next(iter(users.to_pylist()), None)
    if not places and user is None:
        raise unknown_id("user", user_id, lakehouse, SILVER_USERS)
    if not places:
        raise InputError(f"user {user_id!r} has no list yet", todo="lakehouse run --select gold makes it")
    events = lakehouse.query(f"{_FEEDBACK} WHERE {own}", events=SILVER_FEEDBACK)
    liked = liked_titles(events.to_pylist(), liked_from=liked_from)
    version, listed = places[0]["model_version"], [place["content_id"] for place in places]
    titles = latest_titles(lakehouse)
    named = titles.named({*listed, *liked})
    by_features = by_factors = None
    if liked:
        # a feature's weight depends on how rare it is among all titles
        by_features = feature_vectors(titles.ids(), titles.features(weights=weights), weights=weights)
        by_factors = _factors(lakehouse.root, version, {*listed, *liked})
    return {
        "user_id": user_id,
        "nombre_usuario": None if user is None else user["nombre_usuario"],
        "model_version": version,
        "titles": [_explained(place, named, user, liked, by_features, by_factors) for place in places],
    }


def _factors(root: str, model_version: str, content_ids: set[str]) -> Vectors | None:
    """What the list's model has learnt about these titles, if it has item factors."""
    factors = read_frame(root, model_version, "item_factors")
    return None if factors is None else factor_vectors(factors, only=content_ids)


def _explained(
    place: Mapping[str, Any],
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
