"""The counts of tables written by delta-rs: one case per way in which a record can be where it should not."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from lakehouse.errors import TableError
from lakehouse.history.retention import Removed
from lakehouse.lakehouse import Lakehouse
from lakehouse.tables import (
    BRONZE_EVENTS,
    SILVER_BATCHES,
    SILVER_FEEDBACK,
    SILVER_QUARANTINE,
    SILVER_TOMBSTONES,
    SILVER_USERS,
    Table,
)
from operations.audit.auditing import compare_partition
from operations.audit.ledger import Counts, PartitionId, Totals, count_records, count_totals, gaps
from operations.audit.pinned import Pinned
from tests.support.ledgers import TOPIC, batch, record, write, write_sound

PART = (TOPIC, 0)
SOUND = Counts(
    first=0,
    last=69,
    bronze_rows=70,
    bronze_records=70,
    silver_rows=68,
    silver_records=68,
    quarantine_rows=1,
    quarantine_records=1,
    not_in_bronze=0,
    in_both=0,
    refinable=70,
    refined=70,
    removed=Removed(0, 0, 0, 0),
)
Rows = list[dict[str, Any]]


def counted(root: Path) -> dict[PartitionId, Counts]:
    return count_records(Pinned(Lakehouse(root)))


def faults(counts: Counts) -> tuple[str, ...]:
    return compare_partition(
        PART, counts, kafka=(0, 2_000), read_to=70, missing=0, missing_ranges="", lost=0
    ).faults


def test_what_adds_up(tmp_path: Path) -> None:
    write_sound(tmp_path)
    assert counted(tmp_path) == {PART: SOUND}
    assert faults(SOUND) == ()


@pytest.mark.parametrize(
    ("table", "rows", "changes", "fault"),
    [
        # offset 63 is the sign bit of the first word
        (BRONZE_EVENTS, [record(63)], {"bronze_rows": 71, "refinable": 71},
         "1 bronze rows are there twice"),
        (SILVER_USERS, [record(1_000)], {"silver_rows": 69, "silver_records": 69, "not_in_bronze": 1},
         "1 records of silver are not in bronze"),
        (SILVER_QUARANTINE, [record(1_000)],
         {"quarantine_rows": 2, "quarantine_records": 2, "not_in_bronze": 1},
         "1 records of silver are not in bronze"),
        # two users from one record
        (SILVER_USERS, [record(5, id="other")], {"silver_rows": 69},
         "1 records have several rows in silver"),
        # in two tables of silver
        (SILVER_FEEDBACK, [record(68)], {"silver_rows": 69},
         "1 records have several rows in silver"),
        (SILVER_QUARANTINE, [record(63)],
         {"quarantine_rows": 2, "quarantine_records": 2, "in_both": 1},
         "1 records are in silver and in its open quarantine"),
        (SILVER_QUARANTINE, [record(69)], {"quarantine_rows": 2},
         "1 quarantined records are there twice"),
        (SILVER_BATCHES, [batch(1, 1, 0, 0, last=69)], {"refined": 72},
         "silver's batches took 72 rows of the 70 that bronze has up to there"),
    ],
)  # fmt: skip
def test_a_planted_fault_is_counted_and_reported(
    tmp_path: Path, table: Table, rows: Rows, changes: Mapping[str, int], fault: str
) -> None:
    write_sound(tmp_path)
    write(tmp_path, table, rows)
    found = counted(tmp_path)[PART]
    assert found == SOUND._replace(**changes)
    assert any(line.startswith(fault) for line in faults(found)), faults(found)


@pytest.mark.parametrize(
    ("table", "rows", "changes"),
    [
        # a resolved row counts where it went, whatever that is
        (SILVER_QUARANTINE, [record(5, status="resolved")], {}),
        # silver is behind; the row that it has yet to read twice is no record of its own
        (BRONZE_EVENTS, [record(70), record(71), record(71)],
         {"last": 71, "bronze_rows": 73, "bronze_records": 72}),
    ],
)  # fmt: skip
def test_what_is_no_fault_of_silver(tmp_path: Path, table: Table, rows: Rows, changes: Mapping[str, int]) -> None:
    write_sound(tmp_path)
    write(tmp_path, table, rows)
    assert counted(tmp_path)[PART] == SOUND._replace(**changes)


def test_partitions_are_counted_apart(tmp_path: Path) -> None:
    """The same offsets in another partition, in another topic, and in a topic whose name needs quoting."""
    write_sound(tmp_path)
    others = [(TOPIC, 1), ("movies", 0), ("it's", 0)]
    write(tmp_path, BRONZE_EVENTS, [record(3, topic=topic, partition=number) for topic, number in others])
    write(tmp_path, SILVER_USERS, [record(9, topic="only silver")])
    found = counted(tmp_path)
    assert found[PART] == SOUND
    alone = SOUND._replace(first=3, last=3, bronze_rows=1, bronze_records=1, refinable=0, refined=0)
    alone = alone._replace(silver_rows=0, silver_records=0, quarantine_rows=0, quarantine_records=0)
    assert [found[part] for part in others] == [alone] * 3
    strange = found["only silver", 0]
    assert (strange.first, strange.bronze_rows, strange.silver_rows, strange.not_in_bronze) == (None, 0, 1, 1)


def test_rows_up_to_the_last_offset_that_silver_read_are_refinable(tmp_path: Path) -> None:
    """A doubled row at that offset counts, whichever file it is in."""
    write(tmp_path, BRONZE_EVENTS, map(record, range(40)))
    write(tmp_path, BRONZE_EVENTS, map(record, range(30, 50)))
    write(tmp_path, SILVER_BATCHES, [batch(0, 20, 0, 0, last=19), batch(0, 12, 0, 0, last=31)])
    found = counted(tmp_path)[PART]
    assert (found.refinable, found.refined) == (34, 32)


def test_ranges_that_bronze_lacks(tmp_path: Path) -> None:
    for offsets in (range(5), (7, 8, 8), range(64, 70), (300,)):
        write(tmp_path, BRONZE_EVENTS, map(record, offsets))
    write(tmp_path, BRONZE_EVENTS, [record(5, partition=1), record(6, topic="other")])
    tables = Pinned(Lakehouse(tmp_path))
    assert gaps(tables, PART, limit=10) == [(5, 6), (9, 63), (70, 299)]
    assert gaps(tables, PART, limit=2) == [(5, 6), (9, 63)]
    assert gaps(tables, (TOPIC, 1), limit=10) == []


def test_the_totals(tmp_path: Path) -> None:
    write_sound(tmp_path)
    write(tmp_path, SILVER_BATCHES, [batch(1, 0, 0, 0, last=70)])
    assert count_totals(Pinned(Lakehouse(tmp_path))) == Totals(71, 68, 1, 1, 1, entities=67, quarantine=1)


def test_without_silver_all_totals_are_zero(tmp_path: Path) -> None:
    write(tmp_path, BRONZE_EVENTS, [record(0)])
    tables = Pinned(Lakehouse(tmp_path))
    assert set(count_totals(tables)) == {0}
    assert count_records(tables)[PART].refinable == 0


def test_nothing_at_all(tmp_path: Path) -> None:
    assert counted(tmp_path) == {}


def test_a_table_that_silver_lost_is_named(tmp_path: Path) -> None:
    write(tmp_path, SILVER_BATCHES, [batch(1, 0, 0, 0, last=0)])
    with pytest.raises(TableError, match=r"table silver\.users does not exist"):
        count_totals(Pinned(Lakehouse(tmp_path)))


def test_tables_keep_the_version_at_which_they_were_opened(tmp_path: Path) -> None:
    write_sound(tmp_path)
    tables = Pinned(Lakehouse(tmp_path))
    assert tables.is_current()
    write(tmp_path, BRONZE_EVENTS, [record(70)])
    write(tmp_path, SILVER_TOMBSTONES, [record(70)])
    assert not tables.is_current()
    assert count_records(tables) == {PART: SOUND}
    assert counted(tmp_path)[PART].bronze_rows == 71
