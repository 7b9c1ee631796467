"""What to report about a replay before anything is sent: unmapped data and unknown values."""

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping

from producers.real.layouts import shown
from producers.sending.records import Record

# The catalogue of another service may have thousands of values.
_MOST_VALUES = 10


def unmapped_lines(unmapped: Mapping[str, int]) -> list[str]:
    return [f"not mapped: {count:,} {reason}" for reason, count in unmapped.items()]


def unknown_type_lines(types: Counter[str]) -> list[str]:
    """The values of the column `type` that are neither a movie nor a series."""
    return list(_summary(types, "hold a type that is neither Movie nor TV Show, so silver quarantines them"))


def unknown_classification_lines(counts: Counter[str], accepted: Collection[str]) -> list[str]:
    """The values of the column `rating` that silver does not accept, and the setting that lists the others."""
    unknown = Counter({value: count for value, count in counts.items() if value not in accepted})
    return list(
        _summary(
            unknown,
            "hold a rating that the setting silver.clasificaciones does not list, so silver quarantines them; "
            "add to the list what it should accept",
        )
    )


def future_lines(records: Iterable[Record], *, latest_ms: int) -> list[str]:
    """How many records have a time after `latest_ms`, the latest that silver accepts."""
    later = sum(1 for record in records if record.timestamp_ms is not None and record.timestamp_ms > latest_ms)
    return (
        [f"future: {later:,} records have a timestamp in the future, so silver quarantines them"] if later else []
    )


def _summary(values: Counter[str], problem: str) -> Iterator[str]:
    """The total, the most frequent values with their rows, and the total of the others."""
    if not values:
        return
    yield f"unknown: {values.total():,} rows of the catalogue {problem}:"
    ranked = sorted(values.items(), key=lambda item: (-item[1], item[0]))
    for value, count in ranked[:_MOST_VALUES]:
        yield f"  {shown(value)}: {count:,}"
    others = ranked[_MOST_VALUES:]
    if others:
        yield f"  {len(others):,} other values: {sum(count for _, count in others):,}"
