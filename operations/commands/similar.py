"""`lakehouse similar CONTENT_ID`: the most similar titles, by what they share and by who likes them."""

import argparse
from collections.abc import Mapping, Sequence
from typing import Any

from gold.affinity.features import FeatureWeights
from gold.affinity.weights import chosen_weights
from gold.explanations.neighbours import Neighbour, factor_vectors, feature_vectors, nearest_titles
from gold.explanations.reasons import shared_features, tastes_of
from gold.explanations.titles import latest_titles
from gold.models.registry import PUBLISHED
from gold.models.saved import read_frame
from lakehouse.lakehouse import Lakehouse
from lakehouse.sql import text_in
from lakehouse.tables import GOLD_MODELS, SILVER_CONTENT
from operations.call import Call
from operations.commands.unknown import as_in_silver, unknown_id
from operations.output import cell, print_json, print_table

_WITHOUT_MODEL = "by who likes them: the published model does not know this title"


def run(args: argparse.Namespace, call: Call) -> int:
    settings = call.settings
    similar = similar_titles(
        Lakehouse(settings.root),
        as_in_silver(args.content_id),
        weights=chosen_weights(settings.gold.affinity),
        count=args.limit,
    )
    if args.json:
        print_json(similar)
        return 0
    rows = [_row(title) for title in similar["by_features"]]
    print(f"similar to {cell(similar['content_id'])} ({cell(similar['titulo'])}), by what they share")
    print_table(("content_id", "title", "similarity", "shared"), rows)
    if similar["by_factors"]:
        rows = [(title["content_id"], title["titulo"], title["similarity"]) for title in similar["by_factors"]]
        print(f"by who likes them, from model {similar['model_version']}")
        print_table(("content_id", "title", "similarity"), rows)
    else:
        print(_WITHOUT_MODEL)
    return 0


def similar_titles(
    lakehouse: Lakehouse, content_id: str, *, weights: FeatureWeights, count: int
) -> dict[str, Any]:
    """The neighbours in their JSON form. Raises InputError if the title is unknown."""
    titles = latest_titles(lakehouse)
    vectors = feature_vectors(titles.ids(), titles.features(weights=weights), weights=weights)
    known = vectors.content_ids
    if content_id not in known:
        raise unknown_id("title", content_id, lakehouse, SILVER_CONTENT)
    sharing = nearest_titles(vectors, content_id, count=count)
    version = _published_model(lakehouse)
    liked = [] if version is None else _by_factors(lakehouse.root, version, content_id, known, count)
    named = titles.named({content_id, *(near.content_id for near in (*sharing, *liked))})
    title = named[content_id]
    by_features = [
        {
            **_named(neighbour, named),
            "shared": shared_features(tastes_of(title), named[neighbour.content_id])._asdict(),
        }
        for neighbour in sharing
    ]
    return {
        "content_id": content_id,
        "titulo": title["titulo"],
        "model_version": version,
        "by_features": by_features,
        "by_factors": [_named(neighbour, named) for neighbour in liked],
    }


def _published_model(lakehouse: Lakehouse) -> str | None:
    """The version of the published model; None if no model was ever trained."""
    if not lakehouse.exists(GOLD_MODELS):
        return None
    rows = lakehouse.read(GOLD_MODELS, columns=["model_version"], where=text_in("status", [PUBLISHED]))
    return next(iter(rows["model_version"].to_pylist()), None)


def _by_factors(root: str, version: str, content_id: str, known: Sequence[str], count: int) -> list[Neighbour]:
    """The nearest titles by item factors; none if the model is not saved, has none, or has not seen the title."""
    factors = read_frame(root, version, "item_factors")
    if factors is None:
        return []
    return nearest_titles(factor_vectors(factors), content_id, count=count, among=set(known))


def _named(neighbour: Neighbour, titles: Mapping[str, Any]) -> dict[str, Any]:
    title = titles[neighbour.content_id]
    return {**neighbour._asdict(), "titulo": title["titulo"], "type": title["type"]}


def _row(title: Mapping[str, Any]) -> tuple[Any, ...]:
    shared = [value for values in title["shared"].values() for value in values]
    return (title["content_id"], title["titulo"], title["similarity"], ", ".join(shared))
