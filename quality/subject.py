"""What a suite judges: one table at one version, with everything the judgement depends on."""

from collections.abc import Callable
from dataclasses import dataclass

from pyspark.sql import DataFrame

from lakehouse.history.acceptance import Accepted
from lakehouse.sent import NOTHING_TOLD, Sent
from lakehouse.settings import Quality
from lakehouse.tables import Table


@dataclass(frozen=True)
class Subject:
    """`other` reads another table as it was when this version was written.

    `before` is the last accepted version, None if there is none or nothing is to be compared. `age_hours` is None
    except for the latest version. `unaccepted_inputs` are the versions that this one was made from and that have
    not passed; None if the commit does not record them. `sent` says what the sources have values for.
    """

    table: Table
    version: int
    rows: DataFrame
    other: Callable[[Table], DataFrame]
    limits: Quality
    clasificaciones: tuple[str, ...]
    before: Accepted | None = None
    age_hours: float | None = None
    unaccepted_inputs: tuple[str, ...] | None = ()
    sent: Sent = NOTHING_TOLD

    def missing_columns(self) -> list[str]:
        return [name for name in self.table.columns if name not in self.rows.columns]

    def differences(self) -> list[str]:
        """Columns that the contract does not have, and columns whose type differs from it."""
        wanted = {field.name: field.dataType.simpleString() for field in self.table.schema}
        found = {field.name: field.dataType.simpleString() for field in self.rows.schema}
        extra = [f"unexpected column {name}" for name in found if name not in wanted]
        return extra + [
            f"column {name} is {found[name]} instead of {wanted[name]}"
            for name in wanted
            if name in found and found[name] != wanted[name]
        ]
