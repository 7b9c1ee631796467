"""The distance between two distributions."""

from collections.abc import Mapping
from math import log2, sqrt

# The number of values of a distribution counted individually, the most frequent ones; the others are one count.
MOST_VALUES = 100
OTHERS = "(others)"


def shares(counts: Mapping[str, float]) -> dict[str, float]:
    """The counts as shares of 1; empty if nothing was counted."""
    total = sum(counts.values())
    return {value: count / total for value, count in counts.items()} if total else {}


def jensen_shannon(one: Mapping[str, float], other: Mapping[str, float]) -> float:
    """From 0 (the same shares) to 1 (no value in common), and symmetric: a metric.

    The root of the Jensen-Shannon divergence in bits, (KL(P | M) + KL(Q | M)) / 2 with M = (P + Q) / 2
    (Lin 1991; that its root is a metric: Endres & Schindelin 2003).
    """
    divergence = 0.0
    for value in {*one, *other}:
        p, q = one.get(value, 0.0), other.get(value, 0.0)
        middle = (p + q) / 2
        divergence += sum(share * log2(share / middle) for share in (p, q) if share > 0) / 2
    return sqrt(max(0.0, divergence))
