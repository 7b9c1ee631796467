"""What people watch over time, and the titles they watch most."""

from collections.abc import Callable, Mapping
from datetime import date, timedelta

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from lakehouse.tables import GOLD_POPULARITY, SILVER_CONTENT
from operations.report.contents import Period, Popularity, Title
from operations.report.snapshot import Snapshot
from operations.report.titles import title_names

KINDS = ("views", "likes", "dislikes", "ratings")
# The longest span of days that each unit still shows in about 60 columns; years beyond.
_SPANS = ((62, "day"), (434, "week"), (1860, "month"), (5580, "quarter"))


def read_popularity(snapshot: Snapshot, *, titles: int) -> Popularity | None:
    daily = snapshot.rows(GOLD_POPULARITY)
    if daily is None:
        return None
    sums = [F.sum(kind).alias(kind) for kind in KINDS]
    days = {row["day"]: [row[kind] for kind in KINDS] for row in daily.groupBy("day").agg(*sums).collect()}
    if not days:
        return None
    unit = unit_for(min(days), max(days))
    periods = fill_periods(days, unit=unit)
    most = _titles(snapshot, daily, unit, periods, limit=titles)
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


def _titles(
    snapshot: Snapshot, daily: DataFrame, unit: str, periods: tuple[Period, ...], *, limit: int
) -> tuple[Title, ...]:
    """The titles with the most feedback; ties go by id. A title that silver lacks has its id as its name."""
    events = sum((F.col(kind) for kind in KINDS[1:]), F.col(KINDS[0]))
    most = (
        daily.groupBy("content_id")
        .agg(
            F.sum(events).alias("events"),
            (F.sum(F.col("mean_rating") * F.col("ratings")) / F.nullif(F.sum("ratings"), F.lit(0))).alias("mean"),
        )
        .orderBy(F.desc("events"), "content_id")
        .limit(limit)
    )
    content = snapshot.rows(SILVER_CONTENT)
    if content is not None:
        most = most.join(title_names(content), on="content_id", how="left")
    found = {row["content_id"]: row.asDict() for row in most.collect()}
    history = _history(daily.withColumn("events", events), list(found), unit)
    starts = [period.first_day for period in periods]
    return tuple(
        Title(
            id=content_id,
            name=row.get("titulo") or content_id,
            kind=row.get("type") or "",
            events=row["events"],
            mean_rating=row["mean"],
            history=tuple(history.get((content_id, start), 0) for start in starts),
        )
        for content_id, row in sorted(found.items(), key=lambda item: (-item[1]["events"], item[0]))
    )


def _history(daily: DataFrame, ids: list[str], unit: str) -> dict[tuple[str, date], int]:
    """Events per title and period, for these few titles."""
    start = F.to_date(F.date_trunc(unit, "day"))
    rows = daily.where(F.col("content_id").isin(ids)).groupBy("content_id", start.alias("start"))
    return {
        (row["content_id"], row["start"]): row["events"]
        for row in rows.agg(F.sum("events").alias("events")).collect()
    }
