"""The distance between distributions, compared with values computed by hand."""

from math import sqrt

import pytest

from quality.distance import jensen_shannon, shares


def test_shares_sum_to_one() -> None:
    assert shares({"Drama": 3, "Comedia": 1}) == {"Drama": 0.75, "Comedia": 0.25}
    assert shares({}) == {}


@pytest.mark.parametrize(
    ("one", "other", "distance"),
    [
        ({"a": 0.5, "b": 0.5}, {"b": 0.5, "a": 0.5}, 0.0),  # the same
        ({"a": 1.0}, {"b": 1.0}, 1.0),  # nothing in common
        # M = (3/4, 1/4): (log2(4/3) + (log2(2/3) + log2(2)) / 2) / 2
        ({"a": 1.0}, {"a": 0.5, "b": 0.5}, sqrt(0.31127812445913283)),
    ],
)
def test_the_distance_is_known_and_symmetric(
    one: dict[str, float], other: dict[str, float], distance: float
) -> None:
    assert jensen_shannon(one, other) == pytest.approx(distance)
    assert jensen_shannon(other, one) == pytest.approx(distance)
