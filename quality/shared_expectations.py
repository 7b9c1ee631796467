"""Expectations that several suites contain, with their thresholds from the settings."""

from great_expectations.expectations.expectation import Expectation

from lakehouse.tables import Table
from quality.expectations import (
    ExpectColumnJensenShannonDistanceToBeAtMost,
    ExpectInputVersionsToHavePassed,
    ExpectRowsToBeInTable,
    ExpectVersionToBeRecent,
)
from quality.subject import Subject


def references(
    subject: Subject, column: str, other: Table, *, key: str = "id", at_most: float = 0.0
) -> Expectation:
    """The other table has every id, or lacks at most this share of the rows' ids."""
    return ExpectRowsToBeInTable(
        columns=[column],
        root=subject.root,
        reference=other.sql_name,
        keys=[key],
        at_version=subject.versions.get(other.sql_name),
        mostly=subject.mostly(at_most=at_most) if at_most else 1.0,
    )


def as_before(subject: Subject, column: str) -> Expectation:
    """The distribution is close to that of the last accepted version."""
    limits, before = subject.limits, subject.before
    shares = before.shares.get(column) if before else None
    return ExpectColumnJensenShannonDistanceToBeAtMost(
        column=column,
        threshold=limits.max_drift,
        partition_object={"values": list(shares), "weights": list(shares.values())} if shares else None,
        min_values=limits.min_rows,
        notes=f"against version {before.version}" if before and shares else None,
    )


def fresh(subject: Subject) -> list[Expectation]:
    """The latest version was written recently; for an older version its age says nothing."""
    if subject.age_hours is None:
        return []
    return [ExpectVersionToBeRecent(age_hours=subject.age_hours, max_hours=subject.limits.max_age_hours)]


def published(subject: Subject) -> list[Expectation]:
    """Written recently, and from versions that passed their own checks."""
    unaccepted = subject.unaccepted_inputs
    made_from = ExpectInputVersionsToHavePassed(unaccepted=None if unaccepted is None else list(unaccepted))
    return [made_from, *fresh(subject)]
