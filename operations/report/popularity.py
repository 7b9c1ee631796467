"""What people watch over time, and the titles they watch most."""

from collections import Counter
from collections.abc import Callable, Collection, Mapping
from datetime import date, timedelta

from lakehouse.sql import text_in
from lakehouse.tables import GOLD_POPULARITY
from operations.report.contents import Period, Popularity, Title
from operations.report.pinned_tables import PinnedTables
from operations.report.titles import title_names

KINDS = ("views", "likes", "dislikes", "ratings")
_EVENTS = " + ".join(KINDS)
# The longest span of days that each unit still shows in about 60 columns; years beyond.
_SPANS = ((62, "day"), (434, "week"), (1860, "month"), (5580, "quarter"))


def read_popularity(snapshot: PinnedTables, *, titles: int) -> Popularity | None:
    if not snapshot.has(GOLD_POPULARITY):
        return None
    sums = ", ".join(f"sum({kind}) AS {kind}" for kind in KINDS)
    rows = snapshot.query(f"SELECT day, {sums} FROM daily GROUP BY day", daily=GOLD_POPULARITY)  # noqa: S608
    if not rows:
        return None
    days = {row["day"]: [row[kind] for kind in KINDS] for row in rows}
    unit = unit_for(min(days), max(days))
    periods = fill_periods(days, unit=unit)
    most = _titles(snapshot, unit, periods, limit=titles)
    return Popularity(unit, min(days), max(days), periods, most)


def unit_for(first: date, last: date) -> str:
    span = (last - first).days + 1
    return next((unit for longest, unit in _SPANS if span <= longest), "year")


def start_of(day: date, unit: str) -> date:
    """The first day of the period that contains this day; weeks begin on Monday."""
    starts: Mapping[str, Callable[[], date]] = {
        "day": lambda: day,
        "week": lambda: day - timedelta(days=day.weekday()),
        "month": lambda: day.replace(day=1),
        "quarter": lambda: day.replace(month=(day.month - 1) // 3 * 3 + 1, day=1),
        "year": lambda: day.replace(month=1, day=1),
    }
    return starts[unit]()


def fill_periods(days: Mapping[date, list[int]], *, unit: str) -> tuple[Period, ...]:
    """One period per unit from the first day to the last, including those without events."""
    sums: dict[date, list[int]] = {}
    start: date | None = start_of(min(days), unit)
    while start is not None and start <= max(days):
        sums[start] = [0] * len(KINDS)
        start = _following(start, unit)
    for day, counts in days.items():
        period = sums[start_of(day, unit)]
        period[:] = [before + count for before, count in zip(period, counts, strict=True)]
    return tuple(Period(first, *counts) for first, counts in sums.items())


def _following(start: date, unit: str) -> date | None:
    """The first day of the next period: 32 days reach into the next month from its first day, and so on.

    None after the last period of the year 9999.
    """
    days = {"day": 1, "week": 7, "month": 32, "quarter": 95, "year": 366}[unit]
    return start_of(start + timedelta(days=days), unit) if (date.max - start).days >= days else None


def _titles(snapshot: PinnedTables, unit: str, periods: tuple[Period, ...], *, limit: int) -> tuple[Title, ...]:
    """The titles with the most feedback; ties go by id. A title that silver lacks has its id as its name."""
    most = snapshot.query(
        f"""
        SELECT content_id, sum({_EVENTS}) AS events, sum(mean_rating * ratings) / nullif(sum(ratings), 0) AS mean
        FROM daily GROUP BY content_id ORDER BY events DESC, content_id LIMIT {limit}
        """,  # noqa: S608
        daily=GOLD_POPULARITY,
    )
    ids = [row["content_id"] for row in most]
    names, history = title_names(snapshot, ids), _history(snapshot, ids, unit)
    starts = [period.first_day for period in periods]
    return tuple(
        Title(
            id=content_id,
            name=names[content_id].name if content_id in names else content_id,
            kind=names[content_id].kind if content_id in names else "",
            events=row["events"],
            mean_rating=row["mean"],
            history=tuple(history[content_id, start] for start in starts),
        )
        for content_id, row in zip(ids, most, strict=True)
    )


def _history(snapshot: PinnedTables, ids: Collection[str], unit: str) -> Counter[tuple[str, date]]:
    """Events per title and period, for these few titles."""
    sql = f"SELECT content_id, day, {_EVENTS} AS events FROM daily WHERE {text_in('content_id', ids)}"  # noqa: S608
    history: Counter[tuple[str, date]] = Counter()
    for row in snapshot.query(sql, daily=GOLD_POPULARITY):
        history[row["content_id"], start_of(row["day"], unit)] += row["events"]
    return history
