"""One query per table that measures all its expectations."""

from typing import Any, NamedTuple

from pyspark.sql import functions as F

from lakehouse.history.acceptance import Accepted
from quality.distance import jensen_shannon, shares
from quality.expectations import Expectation, Suite


class Measured(NamedTuple):
    """The measurement of one expectation: `value` is compared with its bounds; None if nothing was measured.

    `judged` is the number of rows looked at, `rows` those that break the expectation; None if it counts no rows.
    """

    expectation: Expectation
    value: float | None
    judged: int
    rows: int | None = None
    shares: dict[str, float] | None = None


class Judgement(NamedTuple):
    """`error` says why an expectation could not be judged; it then counts as failed."""

    success: bool
    error: str | None = None


class Measurements(NamedTuple):
    rows: int
    found: list[Measured]


def measure(suite: Suite, *, before: Accepted | None) -> Measurements:
    """Aggregate the suite's rows once; facts, which need another shape, are joined in the same query."""
    plain = [(index, one) for index, one in enumerate(suite.expectations) if one.fact is None]
    profile = suite.rows.agg(
        F.count("*").alias("rows"),
        *[F.expr(one.judged).alias(f"judged_{index}") for index, one in enumerate(suite.expectations)],
        *[F.expr(one.measure).alias(f"value_{index}") for index, one in plain],
    )
    for index, one in enumerate(suite.expectations):
        if one.fact is not None:
            profile = profile.crossJoin(F.broadcast(one.fact.toDF(f"value_{index}")))
    row = profile.collect()[0]
    found = [
        _measured(one, row[f"value_{index}"], row[f"judged_{index}"] or 0, before)
        for index, one in enumerate(suite.expectations)
    ]
    return Measurements(row["rows"], found)


def _measured(expectation: Expectation, raw: Any, judged: int, before: Accepted | None) -> Measured:
    if expectation.unit == "drift":
        now = shares(raw or {})
        then = before.shares.get(expectation.column) if before else None
        return Measured(expectation, jensen_shannon(now, then) if then else None, judged, shares=now)
    if expectation.unit == "share":
        return Measured(expectation, raw / judged if judged else None, judged, rows=raw)
    if expectation.unit == "rows":
        return Measured(expectation, float(raw), judged, rows=raw)
    return Measured(expectation, None if raw is None else float(raw), judged)
