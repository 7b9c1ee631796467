"""Which micro-batches are written in process: small ones, into tables that delta-rs can write."""

from typing import NamedTuple

import pyarrow as pa
import pyarrow.compute as pc
from deltalake import DeltaTable
from pyspark.sql import DataFrame

from lakehouse.arrow import as_arrow
from lakehouse.spark.small_batches import is_on_one_machine, is_writable
from silver.small_batch import CHANGED, STATE, Opened

# Of Spark's estimate, which is the size of the bronze files: a record takes 100 bytes there and more.
_BYTES_PER_ROW = 400


class Bounds(NamedTuple):
    """A small batch has at most `rows` rows, and goes to tables of at most `table_bytes` each."""

    rows: int
    table_bytes: int


def may_be_small(judged: DataFrame, root: str, bounds: Bounds) -> bool:
    """Whether the batch is worth collecting: by Spark's estimate, without running it."""
    if not bounds.rows or not is_on_one_machine(judged.sparkSession, root):
        return False
    estimated = int(str(judged._jdf.queryExecution().optimizedPlan().stats().sizeInBytes()))
    return estimated <= bounds.rows * _BYTES_PER_ROW


def is_small(rows: pa.Table, tables: Opened, bounds: Bounds) -> bool:
    """Whether the batch that was collected is written in process."""
    has_room = all(size_of(tables[table.name]) <= bounds.table_bytes for table in STATE.values())
    return len(rows) <= bounds.rows and has_room and are_writable(tables)


def size_of(table: DeltaTable) -> int:
    """The bytes of the table's files."""
    return pc.sum(as_arrow(table.get_add_actions())["size_bytes"]).as_py() or 0


def are_writable(tables: Opened) -> bool:
    """Whether delta-rs can write all tables that a batch changes."""
    return all(is_writable(tables[table.name], table) for table in CHANGED)
