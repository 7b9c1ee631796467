"""Why a title is in a user's list: the tastes it shares with the user, and the liked titles it resembles."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from gold.explanations.neighbours import Neighbour, Vectors, nearest_titles

# Titles named as the reason for another: at most this many, and above this similarity.
_NAMED, _ALIKE = 2, 0.3


class Shared(NamedTuple):
    """What a user's tastes and a title have in common, in the title's own order."""

    generos: list[str]
    personas: list[str]
    decadas: list[str]
    clasificacion: list[str]


def shared_features(user: Mapping[str, Any] | None, title: Mapping[str, Any]) -> Shared:
    """The genres, directors and actors, decade and classification that both have; None has nothing to share.

    A director is not an actor: a name counts only if both have it in the same role.
    """
    if user is None:
        return Shared([], [], [], [])
    people = [*_both(user, title, "directores"), *_both(user, title, "actores")]
    decade, classification = title.get("decada_lanzamiento"), title.get("clasificacion")
    return Shared(
        generos=_both(user, title, "generos"),
        personas=list(dict.fromkeys(people)),
        decadas=[decade] if decade and decade in (user.get("decadas_favoritas") or []) else [],
        clasificacion=[classification] if classification and classification == user.get("clasificacion") else [],
    )


def tastes_of(title: Mapping[str, Any]) -> dict[str, Any]:
    """A title as if it were a user's tastes, to compare another title with it."""
    decade = title.get("decada_lanzamiento")
    return {**title, "decadas_favoritas": [decade] if decade else []}


def liked_titles(feedback: Iterable[Mapping[str, Any]], *, liked_from: float) -> list[str]:
    """The titles that one user liked, or rated `liked_from` or more; the latest such verdict on a title counts.

    `feedback` has content_id, action, rating, event_timestamp and id. A view is not a verdict.
    """
    verdicts: dict[str, bool] = {}
    for event in sorted(feedback, key=lambda event: (event["event_timestamp"], event["id"])):
        if event["action"] == "rating":
            verdicts[event["content_id"]] = event["rating"] is not None and event["rating"] >= liked_from
        elif event["action"] in ("like", "dislike"):
            verdicts[event["content_id"]] = event["action"] == "like"
    return sorted(content_id for content_id, liked in verdicts.items() if liked)


def liked_alike(content_id: str, liked: Sequence[str], vectors: Sequence[Vectors]) -> list[Neighbour]:
    """The liked titles most similar to this one, by the first of the vectors that finds any."""
    for vector in vectors:
        neighbours = nearest_titles(vector, content_id, count=_NAMED, among=set(liked), least=_ALIKE)
        if neighbours:
            return neighbours
    return []


def explain(shared: Shared, alike: Sequence[str], *, source: str) -> str:
    """The reason in words. `alike` are the names of liked titles."""
    words = ("genres", "people", "decade", "classification")
    parts = [f"{word} {', '.join(values)}" for word, values in zip(words, shared, strict=True) if values]
    if alike:
        parts.append(f"like {' and '.join(alike)}")
    if source == "popularity":
        parts.insert(0, "popular")
    return "; ".join(parts) or "liked by users with a similar taste"


def _both(user: Mapping[str, Any], title: Mapping[str, Any], kind: str) -> list[str]:
    liked = set(user.get(kind) or [])
    return [value for value in title.get(kind) or [] if value in liked]
