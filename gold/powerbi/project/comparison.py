"""Ids that Power BI treats as equal: its engine compares text without case."""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from lakehouse.text import escaped

# How many ids to list, and the maximum length of each.
_LISTED, _LONGEST = 10, 40


class Alike(NamedTuple):
    """Ids of one table that differ only in case from another of its ids. `ids` has the first of `total`."""

    table: str
    total: int
    ids: tuple[str, ...]


def find_alike(ids: Iterable[str], *, table: str) -> Alike:
    """Compare these ids, which are distinct."""
    groups: dict[str, list[str]] = {}
    for one in ids:
        groups.setdefault(one.upper(), []).append(one)
    alike = [one for _, group in sorted(groups.items()) if len(group) > 1 for one in sorted(group)]
    return Alike(table, len(alike), tuple(alike[:_LISTED]))


def alike_note(alikes: Sequence[Alike], *, has_keys: bool = True) -> str:
    """A one-line note about such ids. `has_keys`: the project that was written is known to have the keys."""
    tables = ", ".join([f"{one.total} in {one.table} ({_listed(one)})" for one in alikes])
    apart = "user_key and content_key of its model keep them apart"
    if not has_keys:
        apart += "; a project of an earlier version gets these keys with --replace"
    return f"ids that differ only in capitals: {tables}. Power BI shows them as one id; {apart}"


def _listed(alike: Alike) -> str:
    shown = [escaped(one)[:_LONGEST] for one in alike.ids]
    return ", ".join([*shown, "..."] if alike.total > len(shown) else shown)
