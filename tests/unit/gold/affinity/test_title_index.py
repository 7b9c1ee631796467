"""The best titles of each user, compared with all cosines computed one by one."""

import math
from collections import Counter

import numpy as np
import pyarrow as pa
import pytest

from gold.affinity.features import FeatureWeights
from gold.affinity.title_index import best_titles, index_features

WEIGHTS = FeatureWeights(genre=1, director=1.5, actor=1, rating=0.25, decade=0.5)
KINDS = WEIGHTS._asdict()
LISTS = pa.list_(pa.string())


def drawn(rows: int, seed: int) -> list[list[str]]:
    """Features as in a catalogue: few genres and decades, shared by many titles, and many actors, each in few."""
    rng = np.random.default_rng(seed)
    return [
        [
            *[f"genre:{n}" for n in sorted(set(rng.integers(0, 4, 2)))],
            *[f"actor:{n}" for n in sorted(set(rng.integers(0, 300, 2)))],
            f"decade:{rng.integers(0, 3)}",
        ]
        for _ in range(rows)
    ]


def index(titles: list[list[str]]):  # type: ignore[no-untyped-def]  # pyarrow publishes no types
    ids = [f"t{n:04}" for n in range(len(titles))]
    return index_features(pa.table({"id": ids, "features": pa.array(titles, LISTS)}), weights=WEIGHTS)


def expected(user: list[str], titles: list[list[str]], kept: int) -> list[tuple[str, float]]:
    having = Counter(feature for title in titles for feature in title)

    def weight(feature: str) -> float:
        rarity = math.log((1 + len(titles)) / (1 + having[feature])) + 1
        return float(KINDS[feature.partition(":")[0]]) * rarity if feature in having else 0.0

    def length(features: list[str]) -> float:
        return math.sqrt(sum(weight(feature) ** 2 for feature in features))

    scores = {}
    for place, title in enumerate(titles):
        dot = sum(weight(feature) ** 2 for feature in user if feature in title)
        if dot > 0:
            scores[f"t{place:04}"] = max(1, round(dot / length(user) / length(title) * 1_000_000))
    best = sorted(scores.items(), key=lambda item: (-item[1], item[0]))[:kept]
    return [(content_id, round(1 + 4 * math.sqrt(score / 1_000_000), 6)) for content_id, score in best]


@pytest.mark.parametrize(
    ("titles", "kept"),
    [
        (700, 5),  # more titles than groups: the bound excludes some, and many titles tie
        (700, 1),
        (30, 5),  # fewer titles than groups
        (30, 30),
        (3, 50),  # fewer titles than are kept
    ],
)
def test_the_best_titles_are_those_of_all_cosines(titles: int, kept: int) -> None:
    catalogue, users = drawn(titles, seed=1), [*drawn(20, seed=2), ["genre:1"], ["genre:none"], []]
    found = best_titles(pa.array(users, LISTS), index(catalogue), titles_per_user=kept).to_pylist()
    for user, matches in zip(users, found, strict=True):
        got = [(match["content_id"], match["rating"]) for match in matches]
        wanted = expected(user, catalogue, kept)
        assert [content_id for content_id, _ in got] == [content_id for content_id, _ in wanted]
        assert [rating for _, rating in got] == pytest.approx([rating for _, rating in wanted], abs=1e-6)


def test_a_list_does_not_depend_on_the_other_users() -> None:
    catalogue, users = index(drawn(700, seed=1)), drawn(20, seed=2)
    together = best_titles(pa.array(users, LISTS), catalogue, titles_per_user=5).to_pylist()
    alone = [best_titles(pa.array([user], LISTS), catalogue, titles_per_user=5).to_pylist()[0] for user in users]
    assert together == alone


@pytest.mark.parametrize("titles", [[], [[]], [["genre:1"]]], ids=["none", "one without features", "one"])
def test_hardly_any_titles(titles: list[list[str]]) -> None:
    found = best_titles(pa.array([["genre:1"], []], LISTS), index(titles), titles_per_user=5).to_pylist()
    assert found == [[{"content_id": "t0000", "rating": 5.0}] if titles == [["genre:1"]] else [], []]
