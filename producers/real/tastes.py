"""A user's tastes, derived from ratings: the features of titles rated well above the user's mean."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from producers.real.catalogue import Features

# "Well above": half a star, the smallest step of the scale.
_WELL_ABOVE = 0.5
_MOST_GENRES, _MOST_DIRECTORS, _MOST_ACTORS, _MOST_DECADES = 5, 5, 10, 3


class Taste(NamedTuple):
    """Favourites, best first."""

    genres: list[str]
    directors: list[str]
    actors: list[str]
    decades: list[str]


class Judged(NamedTuple):
    """One title with one user's rating."""

    rating: float
    features: Features


def derive(judged: Sequence[Judged]) -> Taste:
    """The user's taste; empty if nothing stands out, as when every title got the same rating."""
    if not judged:
        return Taste([], [], [], [])
    mean = sum(title.rating for title in judged) / len(judged)
    above = [(title.rating - mean, title.features) for title in judged]
    return Taste(
        _favourites(((excess, title.genres) for excess, title in above), _MOST_GENRES),
        _favourites(((excess, title.directors) for excess, title in above), _MOST_DIRECTORS),
        _favourites(((excess, title.actors) for excess, title in above), _MOST_ACTORS),
        _favourites(((excess, _present(title.decade)) for excess, title in above), _MOST_DECADES),
    )


def _present(decade: str | None) -> tuple[str, ...]:
    return () if decade is None else (decade,)


def _favourites(rated: Iterable[tuple[float, tuple[str, ...]]], most: int) -> list[str]:
    """Features of liked titles, by the sum of rating minus mean over all titles that have them.

    Features that liked and disliked titles share cancel out; ties go by name, so that the order is total.
    """
    totals: defaultdict[str, float] = defaultdict(float)
    liked: set[str] = set()
    for excess, features in rated:
        for feature in features:
            totals[feature] += excess
        if excess >= _WELL_ABOVE:
            liked.update(features)
    # rounded, so that the order of adding floats decides nothing
    ranked = sorted((-round(totals[feature], 6), feature) for feature in liked)
    return [feature for total, feature in ranked[:most] if total < 0]
