"""How many bytes there are, and how many more there are each day: from the files alone."""

from collections.abc import Collection
from datetime import datetime, timedelta
from typing import NamedTuple

from lakehouse.folders import Stored

# A rate is measured over a week, or since the first file, but over no less than a day.
_WEEK, _DAY = timedelta(days=7), timedelta(days=1)


class Growth(NamedTuple):
    """Bytes in all, and those that a day has added, in the mean of the last week."""

    size: int
    per_day: int


def growth(files: Collection[Stored], *, now: datetime) -> Growth:
    """The growth of these files. What was added and deleted again does not count."""
    first = min((file.written_at for file in files), default=now)
    span = min(max(now - first, _DAY), _WEEK)
    added = sum(file.size for file in files if file.written_at >= now - span)
    return Growth(sum(file.size for file in files), round(added / (span / _DAY)))
