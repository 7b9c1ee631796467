"""What users do with titles, as feedback records: they mostly choose popular titles that fit their tastes."""

from collections.abc import Iterator
from itertools import count as count_up
from itertools import islice
from typing import NamedTuple

import numpy as np

from producers.made_up.dirt import seal
from producers.made_up.draws import BLOCK, Floats, Ints, generator
from producers.made_up.entities import TimedFields, title_id, user_id
from producers.made_up.population import Population, populate
from producers.made_up.timeline import DEFAULT_START, feedback_instants
from producers.sending.records import Fields, Record, isoformat

# Each event chooses among this many titles, drawn by popularity.
_CANDIDATES = 24
# Weight of a match relative to chance when a title is chosen.
_CHOOSINESS = 3.0

ACTIONS = ("view", "rating", "like", "dislike")
_SHARE_OF_VIEWS = 0.55
_SHARE_OF_RATINGS = 0.32
# A title is liked from this value on, on the 0.5 to 5.0 scale of ratings.
_LIKED = 3.3
_MOVIE_SECONDS = 6300
_EPISODE_SECONDS = 2700


class Choices(NamedTuple):
    """One row per event: the user, the title, how well it was liked (0.5-5.0), and two draws for the rest."""

    user: Ints
    title: Ints
    liking: Floats
    action: Floats
    watched: Floats


def feedback_records(
    seed: int,
    count: int | None,
    *,
    users: int,
    movies: int,
    series: int,
    dirty: float = 0.0,
    instants: Iterator[int] | None = None,
    skip: int = 0,
) -> Iterator[Record]:
    """Feedback of users u000001 to `users` on that many movies and series, as their producers know them.

    `dirty` is the share of records broken on purpose; `instants` are the event times in milliseconds. `skip`
    leaves out that many events of the seed, so that their ids are not used again.
    """
    times = instants or feedback_instants(DEFAULT_START, count)
    people = populate(seed, users=users, movies=movies, series=series)
    blocks = _blocks(seed, people, first=skip // BLOCK)
    rows = ((block, row, choices) for block, choices in blocks for row in range(BLOCK))
    begun = skip % BLOCK
    events = (
        TimedFields(_feedback(people, choices, row, f"f{seed}-{block * BLOCK + row + 1:07d}", instant), instant)
        for (block, row, choices), instant in zip(
            islice(rows, begun, None if count is None else begun + count), times, strict=False
        )
    )
    return seal(events, seed=seed, kind="feedback", dirty=dirty)


def _blocks(seed: int, people: Population, *, first: int) -> Iterator[tuple[int, Choices]]:
    reach = np.cumsum(people.activity)
    fame = np.cumsum(people.popularity)
    for block in count_up(first):
        yield block, _choose(generator(seed, "feedback", block), people, reach, fame)


def _choose(rng: np.random.Generator, people: Population, reach: Floats, fame: Floats) -> Choices:
    user = np.searchsorted(reach, rng.random(BLOCK) * reach[-1]).astype(np.int64)
    offered = np.searchsorted(fame, rng.random((BLOCK, _CANDIDATES)) * fame[-1]).astype(np.int64)
    match = people.match(user, offered)
    best = np.argmax(_CHOOSINESS * match + rng.gumbel(size=match.shape), axis=1)[:, None]
    title = np.take_along_axis(offered, best, axis=1)[:, 0]
    matched = np.take_along_axis(match, best, axis=1)[:, 0]
    liking = 2.2 + 1.7 * matched + people.quality[title] + people.kindness[user] + rng.normal(0, 0.45, BLOCK)
    return Choices(user, title, np.clip(liking, 0.5, 5.0), rng.random(BLOCK), rng.random(BLOCK))


def _feedback(people: Population, choices: Choices, row: int, identity: str, instant: int) -> Fields:
    title, liking = int(choices.title[row]), float(choices.liking[row])
    kind, number = people.title(title)
    action = _action(float(choices.action[row]), liking)
    fields: Fields = {
        "id": identity,
        "type": "feedback",
        "timestamp": isoformat(instant),
        "user_id": user_id(int(choices.user[row]) + 1),
        "content_id": title_id(kind, number),
        "action": action,
    }
    if action == "rating":
        fields["rating"] = min(max(round(liking * 2) / 2, 0.5), 5.0)
    if action == "view":
        length = _MOVIE_SECONDS if kind == "movie" else _EPISODE_SECONDS
        # Users who like a title watch it to the end; others leave at some point.
        share = float(choices.watched[row]) ** max(0.15, 3.0 - liking * 0.6)
        fields["seconds_watched"] = round(length * share)
    return fields


def _action(draw: float, liking: float) -> str:
    if draw < _SHARE_OF_VIEWS:
        return "view"
    if draw < _SHARE_OF_VIEWS + _SHARE_OF_RATINGS:
        return "rating"
    return "like" if liking >= _LIKED else "dislike"
