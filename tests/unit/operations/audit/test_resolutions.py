"""What replays of the quarantine have left, in tables written by delta-rs: one case per outcome and fault."""

from pathlib import Path
from typing import Any

import pytest

from lakehouse.history import retention
from lakehouse.history.retention import Removed
from lakehouse.lakehouse import Lakehouse
from lakehouse.tables import (
    BRONZE_EVENTS,
    SILVER_CONTENT,
    SILVER_CORRECTIONS,
    SILVER_QUARANTINE,
    SILVER_TOMBSTONES,
    SILVER_USERS,
    Table,
)
from operations.audit.ledger import STATE, PartitionId
from operations.audit.pinned import Pinned
from operations.audit.resolutions import Resolutions, count_resolutions
from tests.support.ledgers import TOPIC, at, record, write

PART = (TOPIC, 0)
RESOLVED = record(5, id="a", status="resolved")
OPEN = RESOLVED | {"status": "open"}
Rows = list[dict[str, Any]]
State = list[tuple[Table, dict[str, Any]]]


def corrected(outcome: str, *, replay: int = 1, target: str = "users", offset: int = 5) -> dict[str, Any]:
    """The correction of an event of user `a`, at minute 5 unless the offset says otherwise."""
    return record(offset, id="a", replay_id=replay, outcome=outcome, target=target)


def held(minute: int, *, id: str = "a", offset: int = 5) -> dict[str, Any]:  # noqa: A002 - the column's name
    return record(offset, id=id, event_timestamp=at(minute), kafka_timestamp=at(minute))


def counted(root: Path, quarantine: Rows, corrections: Rows, state: State) -> dict[PartitionId, Resolutions]:
    write(root, SILVER_QUARANTINE, quarantine)
    write(root, SILVER_CORRECTIONS, corrections)
    for table in STATE:
        write(root, table, [row for one, row in state if one == table])
    return count_resolutions(Pinned(Lakehouse(root)))


USER, TITLE, TOMBSTONE = SILVER_USERS, SILVER_CONTENT, SILVER_TOMBSTONES


@pytest.mark.parametrize(
    ("outcome", "target", "state"),
    [
        # its own row
        ("applied", "users", [(USER, held(5))]),
        # a later event of the same user won since; the second replaced nothing
        ("superseded", "users", [(USER, held(6))]),
        # equally late, from a later offset
        ("superseded", "users", [(USER, held(5, offset=9))]),
        # the user was deleted later
        ("superseded", "users", [(TOMBSTONE, held(7))]),
        # a deletion, and what outlives it in any table
        ("deleted", "tombstones", [(TOMBSTONE, held(5))]),
        ("superseded", "tombstones", [(TITLE, held(6))]),
    ],
)
def test_a_resolved_record(tmp_path: Path, outcome: str, target: str, state: State) -> None:
    found = counted(tmp_path, [RESOLVED], [corrected(outcome, target=target)], state)
    assert found == {PART: Resolutions(resolved=1)._replace(**{outcome: 1})}


APPLIED = Resolutions(resolved=1, applied=1)
VANISHED = APPLIED._replace(vanished=1)
REPEATED = APPLIED._replace(repeated=1)


@pytest.mark.parametrize(
    ("quarantine", "corrections", "state", "wanted"),
    [
        # nobody says why it is resolved
        ([RESOLVED], [], [(USER, held(5))], Resolutions(resolved=1, unexplained=1)),
        # its last correction left it open
        ([RESOLVED], [corrected("open")], [(USER, held(5))], Resolutions(resolved=1, unexplained=1)),
        # the replay was cut off after its first commit
        ([OPEN], [corrected("applied")], [], Resolutions(unfinished=1)),
        # one replay recorded it twice
        ([RESOLVED], [corrected("applied"), corrected("applied")], [(USER, held(5))], REPEATED),
        # two replays resolved it
        ([RESOLVED], [corrected("deleted"), corrected("applied", replay=2)], [(USER, held(5))], REPEATED),
        # the quarantine never had it
        ([], [corrected("applied")], [(USER, held(5))], Resolutions(strange=1)),
        # silver holds nothing of it, only an older row, or only a row of another id or another table
        ([RESOLVED], [corrected("applied")], [], VANISHED),
        ([RESOLVED], [corrected("applied")], [(USER, held(4)), (TOMBSTONE, held(3))], VANISHED),
        ([RESOLVED], [corrected("applied")], [(USER, held(9, id="b"))], VANISHED),
        ([RESOLVED], [corrected("applied")], [(TITLE, held(9))], VANISHED),
        ([RESOLVED], [corrected("applied")], [(USER, held(5, offset=4))], VANISHED),
    ],
)  # fmt: skip
def test_a_planted_fault_is_counted(
    tmp_path: Path, quarantine: Rows, corrections: Rows, state: State, wanted: Resolutions
) -> None:
    assert counted(tmp_path, quarantine, corrections, state) == {PART: wanted}


@pytest.mark.parametrize(
    ("quarantine", "corrections", "wanted"),
    [
        # open, corrected or not
        ([OPEN], [], {}),
        ([OPEN], [corrected("open")], {PART: Resolutions()}),
        # the first replay left it open, the second resolved it
        ([RESOLVED], [corrected("open"), corrected("applied", replay=2)], {PART: APPLIED}),
    ],
)
def test_what_is_no_fault(
    tmp_path: Path, quarantine: Rows, corrections: Rows, wanted: dict[PartitionId, Resolutions]
) -> None:
    assert counted(tmp_path, quarantine, corrections, [(USER, held(5))]) == wanted


def test_partitions_are_counted_apart(tmp_path: Path) -> None:
    quarantine = [RESOLVED, record(5, id="b", partition=1, status="resolved")]
    found = counted(tmp_path, quarantine, [corrected("applied")], [(USER, held(5))])
    assert found == {PART: APPLIED, (TOPIC, 1): Resolutions(resolved=1, unexplained=1)}


def test_a_quarantine_that_was_never_replayed(tmp_path: Path) -> None:
    assert count_resolutions(Pinned(Lakehouse(tmp_path))) == {}
    write(tmp_path, SILVER_QUARANTINE, [OPEN, RESOLVED])
    assert count_resolutions(Pinned(Lakehouse(tmp_path))) == {PART: Resolutions(resolved=1, unexplained=1)}


def test_without_any_table_of_silver_what_was_resolved_has_vanished(tmp_path: Path) -> None:
    write(tmp_path, SILVER_QUARANTINE, [RESOLVED])
    write(tmp_path, SILVER_CORRECTIONS, [corrected("applied")])
    assert count_resolutions(Pinned(Lakehouse(tmp_path))) == {PART: VANISHED}


@pytest.mark.parametrize(("next_offset", "strange"), [(0, 1), (6, 0)])
def test_a_correction_of_a_record_that_retention_removed_is_not_strange(
    tmp_path: Path, next_offset: int, strange: int
) -> None:
    """Silver was rebuilt from the rest of bronze: the log of corrections stays."""
    write(tmp_path, BRONZE_EVENTS, [record(7)])
    opened = Lakehouse(tmp_path).delta(BRONZE_EVENTS)
    gone = {PART: Removed(0, next_offset, 6, 0)}
    opened.create_write_transaction(
        [], "append", opened.schema(), commit_properties=retention.record(opened, gone, at(0))
    )
    found = counted(tmp_path, [], [corrected("applied")], [(USER, held(5))])
    assert found[PART].strange == strange
