"""What a suite is built for: one table at one version, with everything its expectations depend on."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from lakehouse.history.acceptance import Accepted
from lakehouse.sent import NOTHING_DECLARED, Sent
from lakehouse.settings import QualitySettings
from lakehouse.tables import Table


@dataclass(frozen=True)
class Subject:
    """`rows` is the number of rows; None if it is not known, for a suite that is only written down.

    `versions` are those of other tables when this version was written; a table without one is read at its latest.
    `before` is the last accepted version, None if there is none or nothing is to be compared. `age_hours` is None
    except for the latest version. `unaccepted_inputs` are the versions that this one was made from and that have
    not passed; None if the commit does not record them. `sent` says what the sources have values for.
    """

    root: str
    table: Table
    limits: QualitySettings
    clasificaciones: tuple[str, ...]
    version: int = 0
    rows: int | None = None
    versions: Mapping[str, int] = field(default_factory=dict)
    before: Accepted | None = None
    age_hours: float | None = None
    unaccepted_inputs: tuple[str, ...] | None = ()
    sent: Sent = NOTHING_DECLARED

    def mostly(self, *, at_most: float) -> float:
        """The share of rows that must be right if `at_most` may be wrong. A few rows prove nothing."""
        return 0.0 if self.rows is not None and self.rows < self.limits.min_rows else 1 - at_most
