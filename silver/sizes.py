"""Which micro-batches are small enough to be written in process."""

from typing import NamedTuple

import pyarrow.compute as pc
from deltalake import DeltaTable
from pyspark.sql import DataFrame

from lakehouse.lakehouse import as_arrow
from lakehouse.paths import is_address

# Of Spark's estimate, which is the size of the bronze files: a record takes 100 bytes there and more.
_BYTES_PER_ROW = 400
# delta-rs cannot append below a folder with one of these in its path.
_UNUSABLE = frozenset("[]|^")


class Bounds(NamedTuple):
    """A batch of at most so many rows is small, if users, content and feedback have at most so many bytes each."""

    rows: int
    table_bytes: int


def may_be_small(judged: DataFrame, root: str, bounds: Bounds) -> bool:
    """Whether the batch is worth collecting: by Spark's estimate, without running it.

    On a cluster and in a store Spark writes: its commits and delta-rs' exclude each other on local disks only.
    """
    master = judged.sparkSession.sparkContext.master or ""
    if not bounds.rows or not master.startswith("local") or is_address(root) or _UNUSABLE & set(root):
        return False
    estimated = int(str(judged._jdf.queryExecution().optimizedPlan().stats().sizeInBytes()))
    return estimated <= bounds.rows * _BYTES_PER_ROW


def size_of(table: DeltaTable) -> int:
    """The bytes of the table's files."""
    return pc.sum(as_arrow(table.get_add_actions())["size_bytes"]).as_py() or 0
