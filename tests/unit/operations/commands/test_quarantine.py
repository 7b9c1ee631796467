"""The lines of `lakehouse quarantine`."""

from datetime import date
from typing import Any

from operations.commands.quarantine import over_all_days
from silver.quarantine.worklist import RejectedGroup


def sample(topic: str, offset: int) -> dict[str, Any]:
    return {"topic": topic, "partition": 0, "offset": offset, "reason": {"field": "id", "value": None}}


def test_days_are_shown_together() -> None:
    days = [("t", date(2025, 1, 1), 2, 7), ("t", date(2025, 1, 3), 1, 9), ("u", date(2025, 1, 2), 4, 3)]
    groups = [RejectedGroup("r", topic, day, rows, sample(topic, offset)) for topic, day, rows, offset in days]
    shown = [(line.topic, line.day, line.rows, line.sample) for line in over_all_days(groups)]
    assert shown == [("t", "2025-01-01 to 2025-01-03", 3, "t/0/7"), ("u", "2025-01-02", 4, "u/0/3")]
