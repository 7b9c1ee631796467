"""The best titles of a few users, small enough to compute by hand."""

from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from scipy.sparse import csr_matrix

from gold.affinity.features import FeatureWeights as FeatureWeights
from gold.affinity.title_index import index_features
from gold.recommender.scoring import SOURCES, Best, BlendWeights, TitleFeatures, Users, best_titles, never_rising

ALL = BlendWeights(factors=1.0, taste=1.0, popularity=0.0, new_titles=1.0)


def titles(
    features: list[list[str]], *, factors: list[list[float]], viewers: list[int], **more: Any
) -> TitleFeatures:
    """Titles a, b, c ...; a title whose factors are all 0 is unknown to the model."""
    ids = [chr(ord("a") + n) for n in range(len(features))]
    table = pa.table({"id": ids, "features": pa.array(features, pa.list_(pa.string()))})
    index = index_features(table, weights=FeatureWeights(1.0, 1.0, 1.0, 1.0, 1.0))
    rows = np.array(factors, dtype=np.float32)
    known = np.abs(rows).sum(axis=1) > 0
    return TitleFeatures(
        index=index,
        factors=rows,
        known=known,
        scales=(rows[known].T @ rows[known] / max(1, known.sum()),),
        value_factors=more.get("value_factors", np.zeros((len(ids), 1), np.float32)),
        biases=np.array(more.get("biases", [0.0] * len(ids))),
        viewers=np.array(viewers, dtype=np.float64),
        places=np.argsort(np.argsort(-np.array(viewers), kind="stable"), kind="stable") + 1,
    )


def user(among: TitleFeatures, *, factors: list[float] | None = None, **more: dict[str, float]) -> Users:
    """One user; `seen`, `liked` and `affinity` by title."""

    def row(name: str) -> Any:
        cells = [more.get(name, {}).get(content_id, 0.0) for content_id in among.index.content_ids.to_pylist()]
        return csr_matrix(np.array([cells]))

    return Users(
        factors=np.array([factors or [0.0] * among.factors.shape[1]], dtype=np.float32),
        known=np.array([factors is not None]),
        value_factors=np.zeros((1, among.value_factors.shape[1]), np.float32),
        biases=np.zeros(1),
        seen=row("seen"),
        liked=row("liked"),
        features=csr_matrix((1, len(among.index.vocabulary))),
        affinity=row("affinity"),
    )


def listed(
    users: Users, among: TitleFeatures, *, weights: BlendWeights = ALL, mean: float | None = 3.0
) -> list[tuple[str, str]]:
    best = found(users, among, weights=weights, mean=mean)
    ids = among.index.content_ids.to_pylist()
    return [
        (ids[title], SOURCES[source])
        for title, source in zip(best.titles[0][: best.count[0]], best.sources[0], strict=False)
    ]


def found(users: Users, among: TitleFeatures, *, weights: BlendWeights = ALL, mean: float | None = 3.0) -> Best:
    return best_titles(
        users, among, weights=weights, ranks=(among.factors.shape[1],), mean=mean, titles_per_user=3
    )


def test_factors_order_what_is_not_seen() -> None:
    among = titles([[]] * 4, factors=[[1.0], [4.0], [3.0], [2.0]], viewers=[9, 0, 0, 0])
    assert listed(user(among, factors=[1.0], seen={"b": 1.0}), among) == [("c", "als"), ("d", "als"), ("a", "als")]


def test_ties_go_by_content_id() -> None:
    among = titles([[]] * 4, factors=[[1.0], [2.0], [2.0], [2.0]], viewers=[0, 0, 0, 0])
    assert [title for title, _ in listed(user(among, factors=[1.0]), among)] == ["b", "c", "d"]


def test_taste_and_popularity_count_as_much_as_they_weigh() -> None:
    among = titles(
        [["genre:g"], ["genre:g"], ["genre:h"], ["genre:h"]], factors=[[1.0]] * 4, viewers=[1, 0, 0, 100]
    )
    fan = user(among, factors=[1.0], seen={"a": 1.0}, liked={"a": 1.0})
    assert listed(fan, among)[0] == ("b", "als")  # of the liked title's genre
    popular = ALL._replace(popularity=1.0)
    assert listed(fan, among, weights=popular)[0] == ("d", "als")


def test_a_title_the_model_does_not_know_comes_from_taste() -> None:
    among = titles([["genre:g"], ["genre:g"], ["genre:h"]], factors=[[1.0], [0.0], [0.1]], viewers=[1, 0, 1])
    fan = user(among, factors=[0.1], seen={"a": 1.0}, liked={"a": 1.0})
    assert listed(fan, among, weights=ALL._replace(taste=5.0)) == [("b", "affinity"), ("c", "als")]


def test_without_factors_affinity_comes_first_then_popularity() -> None:
    among = titles([[]] * 4, factors=[[1.0]] * 4, viewers=[5, 7, 6, 0])
    newcomer = user(among, affinity={"d": 2.0, "a": 1.5})
    assert listed(newcomer, among) == [("d", "affinity"), ("a", "affinity"), ("b", "popularity")]
    assert [title for title, _ in listed(user(among), among)] == ["b", "c", "a"]


def test_a_user_who_has_seen_everything_gets_nothing() -> None:
    among = titles([[]] * 2, factors=[[1.0]] * 2, viewers=[0, 0])
    assert listed(user(among, factors=[1.0], seen={"a": 1.0, "b": 1.0}), among) == []
    assert listed(user(among, factors=[1.0], seen={"a": 1.0}), among) == [("b", "als")]


def test_values_are_on_the_scale_and_never_rise() -> None:
    among = titles([[]] * 3, factors=[[3.0], [2.0], [1.0]], viewers=[0] * 3, biases=[-9.0, 1.0, 9.0])
    best = found(user(among, factors=[1.0]), among)
    assert best.titles[0].tolist() == [0, 1, 2]
    assert best.values[0].tolist() == pytest.approx([(0.5 + 4.0 + 5.0) / 3] * 3)


def test_where_nobody_has_rated_the_value_is_the_affinity() -> None:
    among = titles([[]] * 3, factors=[[1.0]] * 3, viewers=[0, 1, 0])
    best = found(user(among, affinity={"c": 4.5}), among, mean=None)
    assert (best.titles[0].tolist(), best.values[0].tolist()) == ([2, 1, 0], [4.5, 3.0, 3.0])


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([3.0, 2.0, 1.0], [3.0, 2.0, 1.0]),
        ([1.0, 2.0, 3.0], [2.0, 2.0, 2.0]),
        ([4.0, 1.0, 2.0], [4.0, 1.5, 1.5]),
        ([2.0, 4.0, 1.0], [3.0, 3.0, 1.0]),
        ([3.0, 1.0, 2.0, 6.0], [3.0, 3.0, 3.0, 3.0]),
    ],
)
def test_never_rising_is_the_closest_falling_row(values: list[float], expected: list[float]) -> None:
    count = np.array([len(values)])
    assert never_rising(np.array([values]), count)[0].tolist() == pytest.approx(expected)


def test_never_rising_looks_at_the_filled_places_only() -> None:
    result = never_rising(np.array([[1.0, 2.0, 9.0]]), np.array([2]))
    assert result[0, :2].tolist() == [1.5, 1.5]
