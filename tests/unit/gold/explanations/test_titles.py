"""Titles are read at one version, and their features in any combination of weights."""

from pathlib import Path

import pytest

from gold.affinity.features import FeatureWeights
from gold.explanations.titles import latest_titles
from lakehouse.lakehouse import Lakehouse
from lakehouse.tables import SILVER_CONTENT
from tests.support.delta_tables import write_rows
from tests.support.lists import SOURCE

EQUAL = FeatureWeights(genre=1, director=1, actor=1, rating=1, decade=1)
FILM = ("b", "movie", "B", ["G", "G"], ["Ana"], ["Ana"], "PG", None, None, None, *SOURCE)
BARE = ("a", "movie", "A", [], [], [], None, None, None, None, *SOURCE)


@pytest.mark.parametrize(
    ("weights", "features"),
    [
        (EQUAL, ["actor:Ana", "director:Ana", "genre:G", "rating:PG"]),  # a repeated genre counts once
        (EQUAL._replace(genre=0, actor=0), ["director:Ana", "rating:PG"]),
        (FeatureWeights(0, 0, 0, 0, 0), []),
    ],
)
def test_features_of_the_kinds_that_count(tmp_path: Path, weights: FeatureWeights, features: list[str]) -> None:
    write_rows(str(tmp_path), SILVER_CONTENT, [FILM, BARE])
    titles = latest_titles(Lakehouse(tmp_path))
    found = titles.features(weights=weights).to_pylist()
    assert sorted((row["id"], row["feature"]) for row in found) == [("b", feature) for feature in features]
    assert titles.ids().to_pylist() == ["a", "b"]


def test_what_a_stream_writes_meanwhile_is_not_read(tmp_path: Path) -> None:
    write_rows(str(tmp_path), SILVER_CONTENT, [FILM])
    titles = latest_titles(Lakehouse(tmp_path))
    write_rows(str(tmp_path), SILVER_CONTENT, [("new", *FILM[1:])])
    assert titles.ids().to_pylist() == ["b"]
    assert set(titles.features(weights=EQUAL)["id"].to_pylist()) == {"b"}
    assert list(titles.named(["b", "new"])) == ["b"]
