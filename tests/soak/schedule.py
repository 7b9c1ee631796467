"""The disturbances of a soak, drawn by a seed: the same seed gives the same ones, in the same order."""

from collections.abc import Iterator, Sequence
from typing import NamedTuple, TypeVar

import numpy as np

_Item = TypeVar("_Item")
# What the seed is used for, so that one use does not shift another.
_DECKS, _EACH, _MILESTONES, _ONCE = range(4)

# Each as often as in a deck, which is dealt again and again.
_DECK = {
    "stop bronze": 1,
    "stop silver": 1,
    "kill bronze": 2,
    "kill silver": 2,
    "kill both": 1,
    "restart the broker": 1,
    "kill the broker": 2,
    "maintain": 2,
    "kill maintenance": 1,
    "forget": 1,
    "kill forget": 1,
    "correct": 1,
    "kill a correction": 1,
    "rules": 1,
    "rebuild silver": 1,
    "kill a rebuild": 1,
    "gold": 1,
    "look": 2,
}
# Seconds before each.
_PAUSE = (2.0, 30.0)
# Happen once: between these shares of the disturbed time. From retention on silver is not rebuilt, because bronze
# has lost rows.
MILESTONES = {"upgrade": (0.2, 0.4), "retention": (0.45, 0.6)}


class Disturbance(NamedTuple):
    """What happens, after a pause in seconds. Its own draws do not depend on what happened before."""

    number: int
    kind: str
    pause: float
    draws: np.random.Generator


def disturbances(seed: int) -> Iterator[Disturbance]:
    """Endlessly, deck after deck."""
    shuffling, number = np.random.default_rng([seed, _DECKS]), 0
    deck = [kind for kind, count in _DECK.items() for _ in range(count)]
    while True:
        for place in shuffling.permutation(len(deck)):
            draws = np.random.default_rng([seed, _EACH, number])
            yield Disturbance(number, deck[place], float(draws.uniform(*_PAUSE)), draws)
            number += 1


def milestones(seed: int, seconds: float) -> dict[str, float]:
    """When the things happen that happen once, in seconds from the beginning."""
    draws = np.random.default_rng([seed, _MILESTONES])
    return {kind: float(draws.uniform(*shares)) * seconds for kind, shares in MILESTONES.items()}


def milestone(seed: int, kind: str) -> Disturbance:
    return Disturbance(-1, kind, 0.0, np.random.default_rng([seed, _ONCE, [*MILESTONES].index(kind)]))


def one_of(draws: np.random.Generator, items: Sequence[_Item]) -> _Item:
    return items[int(draws.integers(len(items)))]
