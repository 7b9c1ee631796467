"""The CHECK constraints of an existing table, brought in line with its declaration."""

from collections.abc import Mapping

from py4j.protocol import Py4JJavaError
from pyspark.errors import PySparkException
from pyspark.sql import SparkSession

from lakehouse.errors import TableError, first_line
from lakehouse.spark.sql import identifier
from lakehouse.tables import Table
from lakehouse.tables.declaration import checks_in

# Delta's error for rows that a new constraint forbids.
_VIOLATED = "DELTA_NEW_CHECK_CONSTRAINT_VIOLATION"
_BUILD_AGAIN = {"silver": "lakehouse rebuild silver", "gold": "move that folder away: lakehouse run --select gold"}


def drop_changed(spark: SparkSession, path: str, table: Table, properties: Mapping[str, str]) -> dict[str, str]:
    """Drop constraints whose condition is another one in the properties found.

    Returns the old condition, or "", of each constraint to add.
    """
    held = checks_in(properties)
    before = {check: held.get(check, "") for check in table.checks}
    # ALTER TABLE stores the condition token by token, with a blank between them
    due = {check: old for check, old in before.items() if _tokens(old) != _tokens(table.checks[check])}
    for check, old in due.items():
        if old:
            spark.sql(f"ALTER TABLE delta.{identifier(path)} DROP CONSTRAINT {check}")
    return due


def add(spark: SparkSession, path: str, table: Table, due: Mapping[str, str]) -> None:
    """Add the constraints that are due, by the condition to restore ("" for none) if rows violate the new one.

    Raises TableError for such rows.
    """
    for check, before in due.items():
        try:
            _add_one(spark, path, check, table.checks[check])
        except (PySparkException, Py4JJavaError) as error:
            if _VIOLATED not in str(error):
                raise
            if before:
                _add_one(spark, path, check, before)
            raise TableError(
                f"{table.sql_name} at {path} cannot take the check {check} ({table.checks[check]}): "
                f"{first_line(error)}",
                todo=build_again(table.layer),
            ) from error


def build_again(layer: str) -> str:
    """What to do about rows that the contract forbids."""
    return _BUILD_AGAIN.get(layer, "correct these rows")


def _add_one(spark: SparkSession, path: str, check: str, condition: str) -> None:
    spark.sql(f"ALTER TABLE delta.{identifier(path)} ADD CONSTRAINT {check} CHECK ({condition})")


def _tokens(condition: str) -> str:
    return "".join(condition.split())
