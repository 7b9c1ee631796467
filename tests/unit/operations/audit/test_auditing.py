"""The comparison of counts: one case per way in which the layers can differ."""

from typing import Any

import pytest

from lakehouse.history.retention import Removed
from operations.audit.auditing import (
    Partition,
    all_faults,
    compare_partition,
    compare_totals,
    resolution_faults,
    with_resolutions,
)
from operations.audit.ledger import Counts, Totals
from operations.audit.resolutions import Resolutions

PART = ("users", 0)


def counts(**changes: Any) -> Counts:
    """Ten records, offsets 0 to 9: eight in silver's tables, one quarantined, one superseded."""
    whole = Counts(
        first=0,
        last=9,
        bronze_rows=10,
        bronze_records=10,
        silver_rows=8,
        silver_records=8,
        quarantine_rows=1,
        quarantine_records=1,
        not_in_bronze=0,
        in_both=0,
        refinable=10,
        refined=10,
        removed=Removed(0, 0, 0, 0),
    )
    return whole._replace(**changes)


def compared(found: Counts | None, **changes: Any) -> Partition:
    given: dict[str, Any] = {
        "kafka": (0, 10),
        "read_to": 10,
        "missing": 0,
        "missing_ranges": "",
        "lost": 0,
    } | changes
    return compare_partition(PART, found, **given)


def test_what_adds_up_has_no_fault() -> None:
    found = compared(counts())
    assert found[4:13] == (10, 0, 0, 0, 0, 0, 0, 10, 0)
    assert found.faults == ()


@pytest.mark.parametrize(
    ("found", "figures"),
    [
        # Kafka has two more records than the stream has reached
        (compared(counts(), kafka=(0, 12)), {"unread": 2}),
        # silver has not reached the last three rows
        (compared(counts(refinable=7, refined=7)), {"unrefined": 3}),
        # a transaction marker has an offset but no record
        (compared(counts(last=10), kafka=(0, 11), read_to=11), {"no_record": 1}),
        # the same if the marker is last
        (compared(counts(), kafka=(0, 11), read_to=11), {"no_record": 1}),
        # Kafka dropped records that bronze has: that is what bronze is for
        (compared(counts(), kafka=(8, 10)), {"expired": 0}),
        # the first five were dropped before bronze ever ran
        (compared(counts(first=5, bronze_rows=5, bronze_records=5, refinable=5, refined=5), kafka=(5, 10)),
         {"expired": 5, "no_record": 0}),
        # three were dropped unread, and the loss was accepted
        (compared(counts(bronze_rows=7, bronze_records=7, refinable=7, refined=7), kafka=(9, 10), lost=3),
         {"expired": 3, "no_record": 0}),
        # the first six rows, of five records, were old and silver had taken them
        (compared(counts(first=5, bronze_rows=5, bronze_records=5, refinable=11, refined=11,
                         removed=Removed(0, 5, 5, 6))),
         {"expired": 0, "no_record": 0, "removed": 5, "unrefined": 0}),
        # the same after a rebuild of silver, which took only the other five
        (compared(counts(first=5, bronze_rows=5, bronze_records=5, refinable=5, refined=5,
                         removed=Removed(0, 5, 5, 0))),
         {"no_record": 0, "removed": 5, "unrefined": 0}),
        # all are gone, from bronze and from Kafka
        (compared(counts(first=None, last=None, bronze_rows=0, bronze_records=0, removed=Removed(0, 10, 10, 10)),
                  kafka=(10, 10)),
         {"expired": 0, "no_record": 0, "removed": 10, "unread": 0, "unrefined": 0}),
        # nothing has been read yet
        (compared(None, read_to=None), {"unread": 10, "bronze": 0}),
        # the topic is gone, but bronze still has its records
        (compared(counts(), kafka=None), {"kafka_first": None, "kafka_next": None, "unread": 0}),
    ],
)  # fmt: skip
def test_what_is_no_fault_is_counted(found: Partition, figures: dict[str, object]) -> None:
    assert {name: getattr(found, name) for name in figures} == figures
    assert found.faults == ()


@pytest.mark.parametrize(
    ("changes", "given", "fault"),
    [
        (
            {"bronze_rows": 9, "bronze_records": 9, "refinable": 9, "refined": 9},
            {"missing": 1, "missing_ranges": "4"},
            "1 records that Kafka has are missing in bronze: 4",
        ),
        ({"bronze_rows": 11}, {}, "1 bronze rows are there twice"),
        ({}, {"kafka": (0, 4)}, "bronze has read up to offset 9, beyond Kafka's last"),
        ({"not_in_bronze": 2}, {}, "2 records of silver are not in bronze"),
        ({"in_both": 1}, {}, "1 records are in silver and in its open quarantine"),
        ({"silver_rows": 9}, {}, "1 records have several rows in silver"),
        ({"quarantine_rows": 2}, {}, "1 quarantined records are there twice"),
        ({"refined": 8}, {}, "silver's batches took 8 rows of the 10 that bronze has up to there"),
        ({"refined": 12}, {}, "silver's batches took 12 rows of the 10 that bronze has up to there"),
    ],
)
def test_each_fault_is_reported(changes: dict[str, int], given: dict[str, object], fault: str) -> None:
    found = compared(counts(**changes), **given)
    assert found.faults == (fault,)
    assert all_faults({PART: found}, TOTALS) == [f"users-0: {fault}"]


TOTALS = Totals(rows_in=10, applied=8, superseded=1, deleted=0, quarantined=1, entities=8, quarantine=1)


@pytest.mark.parametrize(
    ("changes", "faults"),
    [
        ({}, []),
        ({"superseded": 0}, ["silver's batches took 10 rows and report 9"]),
        ({"quarantine": 0}, ["silver.batches reports 1 quarantined rows, silver.quarantine holds 0"]),
        ({"entities": 9}, ["silver holds 9 rows, and its batches applied 8 events"]),
    ],
)
def test_silver_as_a_whole(changes: dict[str, int], faults: list[str]) -> None:
    assert compare_totals(TOTALS._replace(**changes)) == faults


@pytest.mark.parametrize(("quarantined", "is_fault"), [(0, True), (1, False), (3, False), (4, True)])
def test_the_quarantine_holds_a_doubled_record_once(quarantined: int, is_fault: bool) -> None:
    """Bronze holds two records twice; none, one or both may have been quarantined."""
    doubled = compared(counts(bronze_rows=12, refinable=12, refined=12))
    totals = TOTALS._replace(quarantined=quarantined, applied=9 - quarantined, entities=0)
    expected = [f"silver.batches reports {quarantined} quarantined rows, silver.quarantine holds 1"]
    assert all_faults({PART: doubled}, totals) == [
        "users-0: 2 bronze rows are there twice",
        *(expected if is_fault else []),
    ]


RESOLVED = Resolutions(resolved=6, applied=3, superseded=2, deleted=1)


@pytest.mark.parametrize(
    ("changes", "fault"),
    [
        ({"unexplained": 1}, "1 quarantined records are resolved, but no replay recorded it"),
        (
            {"unfinished": 2},
            "2 corrected records are still open: lakehouse quarantine replay is still running, or was interrupted "
            "and finishes them when it runs again",
        ),
        ({"repeated": 1}, "1 records were corrected twice"),
        ({"strange": 1}, "1 corrected records are not in the quarantine"),
        ({"vanished": 1}, "1 records were resolved, but silver has no trace of them"),
    ],
)
def test_each_fault_of_a_replay_is_reported(changes: dict[str, int], fault: str) -> None:
    assert resolution_faults(RESOLVED) == []
    assert all_faults({}, TOTALS, {PART: RESOLVED._replace(**changes)}) == [f"users-0: {fault}"]


def test_what_replays_applied_may_be_in_silver() -> None:
    totals = with_resolutions(TOTALS, {PART: RESOLVED, ("users", 1): RESOLVED})
    assert totals[7:] == (12, 6, 4, 2)
    assert compare_totals(totals._replace(entities=14)) == []
    assert compare_totals(totals._replace(entities=15)) == [
        "silver holds 15 rows, and its batches applied 8 events and its replays 6"
    ]
