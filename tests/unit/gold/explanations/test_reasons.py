"""The reasons for recommended titles, and which titles are similar: explicit tastes, titles and vectors."""

import datetime as dt
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from gold.affinity.features import FeatureWeights
from gold.affinity.title_index import index_features
from gold.explanations.neighbours import DenseVectors, Neighbour, feature_vectors, nearest_titles
from gold.explanations.reasons import Shared, explain, liked_alike, liked_titles, shared_features, tastes_of

NOTHING = Shared([], [], [], [])
TITLE: dict[str, Any] = {
    "id": "t",
    "generos": ["Drama", "War"],
    "directores": ["Ana"],
    "actores": ["Bo", "Cy"],
    "clasificacion": "PG",
    "decada_lanzamiento": "1990s",
}


def user(**tastes: object) -> dict[str, Any]:
    none: dict[str, Any] = {"generos": [], "directores": [], "actores": [], "clasificacion": None}
    return {**none, "decadas_favoritas": [], **tastes}


@pytest.mark.parametrize(
    ("tastes", "shared"),
    [
        (user(generos=["War", "Drama", "Comedy"]), NOTHING._replace(generos=["Drama", "War"])),
        (user(directores=["Ana"], actores=["Cy"]), NOTHING._replace(personas=["Ana", "Cy"])),
        (user(directores=["Bo"], actores=["Ana"]), NOTHING),  # the names, each in the other role
        (user(decadas_favoritas=["1980s", "1990s"]), NOTHING._replace(decadas=["1990s"])),
        (user(clasificacion="PG"), NOTHING._replace(clasificacion=["PG"])),
        (user(), NOTHING),
        (None, NOTHING),  # a user that silver no longer has
    ],
)
def test_what_a_user_and_a_title_share(tastes: dict[str, Any] | None, shared: Shared) -> None:
    assert shared_features(tastes, TITLE) == shared


def test_titles_without_values_share_nothing() -> None:
    empty = {
        "generos": None,
        "directores": None,
        "actores": None,
        "clasificacion": None,
        "decada_lanzamiento": None,
    }
    assert shared_features(tastes_of(empty), empty) == NOTHING


def test_two_titles_share_their_decade_too() -> None:
    assert shared_features(tastes_of(TITLE), TITLE) == Shared(
        ["Drama", "War"], ["Ana", "Bo", "Cy"], ["1990s"], ["PG"]
    )


def event(number: int, content_id: str, action: str, rating: float | None = None) -> dict[str, Any]:
    """Event n of the user, at hour n."""
    return {
        "id": f"f{number}",
        "content_id": content_id,
        "action": action,
        "rating": rating,
        "event_timestamp": dt.datetime(2026, 3, 1, number),
    }


def test_liked_is_a_like_or_a_rating_from_the_setting_on_and_the_last_one_counts() -> None:
    events = [
        event(1, "a", "rating", 4.0),
        event(2, "b", "rating", 3.5),
        event(3, "c", "like"),
        event(4, "d", "view"),  # not a verdict
        event(6, "e", "dislike"),
        event(5, "e", "like"),  # before the dislike, whatever the order of rows
        event(7, "f", "dislike"),
        event(8, "f", "rating", 5.0),
        event(9, "c", "view"),  # takes nothing back
    ]
    assert liked_titles(events, liked_from=4.0) == ["a", "c", "f"]
    assert liked_titles(events, liked_from=3.5) == ["a", "b", "c", "f"]  # gold.feedback.liked_from
    assert liked_titles(events, liked_from=4.5) == ["c", "f"]


# b is close to a, c less so, d is its opposite, e has a zero vector
VECTORS = DenseVectors(["a", "b", "c", "d", "e"], np.array([[1, 0], [0.8, 0.6], [0.6, 0.8], [-1, 0], [0, 0]]))


def test_the_nearest_come_first_and_only_those_alike() -> None:
    assert nearest_titles(VECTORS, "a", count=10) == [Neighbour("b", 0.8), Neighbour("c", 0.6)]
    assert nearest_titles(VECTORS, "a", count=1) == [Neighbour("b", 0.8)]
    assert nearest_titles(VECTORS, "a", count=10, among={"c", "d"}) == [Neighbour("c", 0.6)]
    assert nearest_titles(VECTORS, "e", count=10) == []
    assert nearest_titles(VECTORS, "unknown", count=10) == []


FEATURES = [
    ["genre:A", "genre:B", "actor:X", "rating:PG"],
    ["genre:A", "actor:X", "actor:Y"],
    [],  # shares nothing
    ["genre:B", "decade:1990s", "rating:PG"],
    ["genre:A"],
]


def test_features_give_the_cosines_that_affinity_rates_by() -> None:
    weights = FeatureWeights(genre=1, director=2, actor=3, rating=0.5, decade=0.7)
    titles = pa.table({"id": list("abcde"), "features": FEATURES})
    pairs = [(content_id, feature) for content_id, own in zip("abcde", FEATURES, strict=True) for feature in own]
    rows = pa.table(dict(zip(("id", "feature"), zip(*pairs, strict=True), strict=True)))
    vectors = feature_vectors(titles["id"].combine_chunks(), rows, weights=weights)
    matrix = index_features(titles, weights=weights).vectors
    expected = (matrix.T @ matrix).toarray()
    reverse = rows.take(list(range(len(pairs)))[::-1])
    backwards = feature_vectors(titles["id"].combine_chunks(), reverse, weights=weights)
    assert all((backwards.cosines(place) == vectors.cosines(place)).all() for place in range(5))
    assert [vectors.cosines(place) for place in range(5)] == [pytest.approx(row) for row in expected]
    assert expected[0, 1] > expected[0, 4] > 0
    nothing = feature_vectors(pa.array(["c"]), rows.slice(0, 0), weights=weights)
    assert nearest_titles(nothing, "c", count=1) == []


def test_ties_go_by_id() -> None:
    same = DenseVectors(["a", "z", "b"], np.ones((3, 1)))
    assert [title for title, _ in nearest_titles(same, "a", count=2)] == ["b", "z"]


def test_a_reason_is_taken_from_the_first_vectors_that_have_one() -> None:
    silent = DenseVectors(["a", "b"], np.eye(2))
    assert liked_alike("a", ["b", "c", "d"], [silent, VECTORS]) == [Neighbour("b", 0.8), Neighbour("c", 0.6)]
    assert liked_alike("a", ["d"], [silent, VECTORS]) == []
    assert liked_alike("a", ["b"], []) == []


@pytest.mark.parametrize(
    ("shared", "alike", "source", "words"),
    [
        (
            Shared(["Drama", "War"], ["Ana"], ["1990s"], ["PG"]),
            ["Heat", "Ran"],
            "als",
            "genres Drama, War; people Ana; decade 1990s; classification PG; like Heat and Ran",
        ),
        (NOTHING, [], "als", "liked by users with a similar taste"),
        (NOTHING, [], "popularity", "popular"),
        (NOTHING, ["Heat"], "popularity", "popular; like Heat"),
    ],
)
def test_the_reason_in_words(shared: Shared, alike: list[str], source: str, words: str) -> None:
    assert explain(shared, alike, source=source) == words
