"""What the tables say about every Kafka record: exact counts per partition, without a look at any value."""

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from lakehouse.history import retention
from lakehouse.history.retention import Removed
from lakehouse.kafka.meter import PartitionId
from lakehouse.sql import in_part
from lakehouse.tables import (
    BRONZE_EVENTS,
    BRONZE_FEEDBACK,
    SILVER_BATCHES,
    SILVER_CONTENT,
    SILVER_FEEDBACK,
    SILVER_QUARANTINE,
    SILVER_TOMBSTONES,
    SILVER_USERS,
)
from operations.audit.pinned import Pinned

BRONZE = (BRONZE_EVENTS, BRONZE_FEEDBACK)
STATE = (SILVER_USERS, SILVER_CONTENT, SILVER_FEEDBACK, SILVER_TOMBSTONES)
_RECORD = 'topic, partition, "offset"'


class Counts(NamedTuple):
    """One partition of one topic. Rows are table rows, records are distinct offsets.

    `refinable` counts the bronze rows up to the last offset that silver has read, with those that retention has
    `removed` since; `refined` the rows that silver.batches reports as read.
    """

    first: int | None
    last: int | None
    bronze_rows: int
    bronze_records: int
    silver_rows: int
    silver_records: int
    quarantine_rows: int
    quarantine_records: int
    not_in_bronze: int
    in_both: int
    refinable: int
    refined: int
    removed: Removed


class Totals(NamedTuple):
    """The sums over silver.batches, and the number of rows in the tables.

    The last four are the quarantined rows that were resolved since, in total and by outcome.
    """

    rows_in: int
    applied: int
    superseded: int
    deleted: int
    quarantined: int
    entities: int
    quarantine: int
    resolved: int = 0
    resolved_applied: int = 0
    resolved_superseded: int = 0
    resolved_deleted: int = 0


class _Taken(NamedTuple):
    """What silver.batches reports of one partition: the rows read, and their last offset."""

    rows: int
    last: int


class _Held(NamedTuple):
    """One partition's records in some tables. 64 offsets make one of the `words`, and its `bits` are those found.

    That is an exact distinct count which neither sorts nor keeps the rows. `words` are ascending.
    """

    rows: int
    first: int | None
    last: int | None
    words: npt.NDArray[np.int64]
    bits: npt.NDArray[np.uint64]

    @property
    def records(self) -> int:
        return _ones(self.bits)

    def bits_in(self, words: npt.NDArray[np.int64]) -> npt.NDArray[np.uint64]:
        """The bits of these words, which are ascending and include its own."""
        aligned = np.zeros(len(words), np.uint64)
        aligned[np.searchsorted(words, self.words)] = self.bits
        return aligned


_NOTHING = _Held(0, None, None, np.empty(0, np.int64), np.empty(0, np.uint64))


def count_records(tables: Pinned) -> dict[PartitionId, Counts]:
    """The counts of every partition found in a table. Missing tables count as empty."""
    # one query each: a single one reads all tables at once, and took 170 MB more for a million records
    bronze = _held(tables, tables.union(BRONZE, _RECORD))
    silver = _held(tables, tables.union(STATE, _RECORD))
    # a resolved row counts in the table it went to
    quarantine = _held(tables, tables.union([SILVER_QUARANTINE], _RECORD, where="status = 'open'"))
    taken = _taken(tables)
    behind = _behind(tables, bronze, taken)
    counted = {}
    for part in {*bronze, *silver, *quarantine, *taken}:
        in_bronze, in_silver, in_quarantine = (held.get(part, _NOTHING) for held in (bronze, silver, quarantine))
        gone = removed(tables, part)
        counted[part] = _counts(in_bronze, in_silver, in_quarantine, gone)._replace(
            refinable=in_bronze.rows + gone.rows - behind.get(part, 0) if part in taken else 0,
            refined=taken[part].rows if part in taken else 0,
        )
    return counted


def removed(tables: Pinned, part: PartitionId) -> Removed:
    """What retention has removed of the partition, from whichever table of bronze has read it."""
    found = [retention.removed(opened, part) for table in BRONZE if (opened := tables.opened(table))]
    found = [one for one in found if one.next_offset]
    return Removed(
        first_offset=min((one.first_offset for one in found), default=0),
        next_offset=max((one.next_offset for one in found), default=0),
        records=sum(one.records for one in found),
        rows=sum(one.rows for one in found),
    )


def _held(tables: Pinned, records: str) -> dict[PartitionId, _Held]:
    """What is held of each partition, from the SELECT of its records; "" for none."""
    if not records:
        return {}
    rows = tables.query(f"""
        SELECT topic, partition, sum(rows) AS rows, min(first) AS first, max(last) AS last,
            array_agg(word ORDER BY word) AS words, array_agg(bits ORDER BY word) AS bits
        FROM (
            SELECT topic, partition, "offset" >> 6 AS word, count(*) AS rows,
                min("offset") AS first, max("offset") AS last,
                bit_or(arrow_cast(1, 'Int64') << ("offset" & 63)) AS bits
            FROM ({records}) GROUP BY 1, 2, 3
        ) GROUP BY 1, 2
    """)  # noqa: S608
    lists = ([_numbers(rows[name][row].values) for name in ("words", "bits")] for row in range(rows.num_rows))
    plain = rows.drop_columns(["words", "bits"]).to_pylist()
    return {
        (row["topic"], row["partition"]): _Held(
            row["rows"], row["first"], row["last"], words, bits.view(np.uint64)
        )
        for row, (words, bits) in zip(plain, lists, strict=True)
    }


def _numbers(values: pa.Int64Array) -> npt.NDArray[np.int64]:
    # to_numpy would import pandas: 0.3 s and 50 MB
    return np.asarray(np.from_dlpack(values), np.int64)


def _counts(bronze: _Held, silver: _Held, quarantine: _Held, gone: Removed) -> Counts:
    """The counts of one partition, without what silver's batches report. Retention explains what is `gone`."""
    words = np.unique(np.concatenate([bronze.words, silver.words, quarantine.words]))
    in_bronze, in_silver, in_quarantine = (held.bits_in(words) for held in (bronze, silver, quarantine))
    return Counts(
        first=bronze.first,
        last=bronze.last,
        bronze_rows=bronze.rows,
        bronze_records=bronze.records,
        silver_rows=silver.rows,
        silver_records=silver.records,
        quarantine_rows=quarantine.rows,
        quarantine_records=quarantine.records,
        not_in_bronze=_ones((in_silver | in_quarantine) & ~in_bronze & ~_bits_before(gone.next_offset, words)),
        in_both=_ones(in_silver & in_quarantine),
        refinable=0,
        refined=0,
        removed=gone,
    )


def _bits_before(offset: int, words: npt.NDArray[np.int64]) -> npt.NDArray[np.uint64]:
    """The bits of these words that stand for offsets before this one."""
    of_last = np.uint64((1 << (offset & 63)) - 1)
    return np.where(words < offset >> 6, ~np.uint64(0), np.where(words == offset >> 6, of_last, np.uint64(0)))


def _ones(bits: npt.NDArray[np.uint64]) -> int:
    return int(np.bitwise_count(bits).sum())


def _taken(tables: Pinned) -> dict[PartitionId, _Taken]:
    if SILVER_BATCHES not in tables:
        return {}
    rows = tables.query("""
        SELECT part['topic'] AS topic, part['partition'] AS partition, sum(part['rows']) AS rows,
            max(part['last_offset']) AS last
        FROM (SELECT unnest(records) AS part FROM silver_batches) GROUP BY 1, 2
    """)
    return {(row["topic"], row["partition"]): _Taken(row["rows"], row["last"]) for row in rows.to_pylist()}


def _behind(
    tables: Pinned, bronze: Mapping[PartitionId, _Held], taken: Mapping[PartitionId, _Taken]
) -> dict[PartitionId, int]:
    """By partition, the bronze rows after the last offset that silver has read, if there are any."""
    after = [
        f'({in_part(part)} AND "offset" > {taken[part].last})'
        for part, held in bronze.items()
        if part in taken and held.last is not None and held.last > taken[part].last
    ]
    if not after:
        return {}
    rows = tables.query(f"""
        SELECT topic, partition, count(*) AS rows FROM ({tables.union(BRONZE, _RECORD)})
        WHERE {" OR ".join(after)} GROUP BY 1, 2
    """)  # noqa: S608
    return {(row["topic"], row["partition"]): row["rows"] for row in rows.to_pylist()}


def count_totals(tables: Pinned) -> Totals:
    """Sums of silver.batches, and the tables' rows. All zero if silver does not exist yet."""
    if SILVER_BATCHES not in tables:
        return Totals(0, 0, 0, 0, 0, 0, 0)
    (sums,) = tables.query("""
        SELECT coalesce(sum(rows_in), 0) AS rows_in, coalesce(sum(applied), 0) AS applied,
            coalesce(sum(superseded), 0) AS superseded, coalesce(sum(deleted), 0) AS deleted,
            coalesce(sum(quarantined), 0) AS quarantined
        FROM silver_batches
    """).to_pylist()
    entities = tables.count(SILVER_USERS, SILVER_CONTENT, SILVER_FEEDBACK)
    return Totals(**sums, entities=entities, quarantine=tables.count(SILVER_QUARANTINE))


def gaps(tables: Pinned, part: PartitionId, *, limit: int) -> list[tuple[int, int]]:
    """Ranges of offsets (first, last) missing between those that bronze has, the lowest `limit` of them."""
    rows = tables.query(f"""
        SELECT "offset" + 1 AS first, following - 1 AS last
        FROM (
            SELECT "offset", lead("offset") OVER (ORDER BY "offset") AS following
            FROM ({tables.union(BRONZE, _RECORD)}) WHERE {in_part(part)}
        )
        WHERE following - "offset" > 1 ORDER BY 1 LIMIT {limit}
    """)  # noqa: S608
    return [(row["first"], row["last"]) for row in rows.to_pylist()]
