"""Joining a table's small files by Spark, in commits that change no row: anywhere, and beside a stream."""

from delta.exceptions import DeltaConcurrentModificationException

from lakehouse.compaction import SMALL_BYTES
from lakehouse.history.snapshots import live_files
from lakehouse.lakehouse import Lakehouse
from lakehouse.spark.lakehouse import SparkLakehouse
from lakehouse.tables import Table

# Fewer are not worth a commit: the next rows add their own.
LEAST_FILES = 10
_ATTEMPTS = 3


def small_files(lake: Lakehouse, table: Table) -> int:
    """How many small files the table would be better off without: 0 below the number worth a commit."""
    small = sum(size < SMALL_BYTES for size in live_files(lake, table).values())
    return small if small >= LEAST_FILES else 0


def join_small_files(lake: SparkLakehouse, table: Table) -> bool:
    """Whether it was done, and no other writer took its files away in every attempt."""
    for _ in range(_ATTEMPTS):
        try:
            lake.delta_table(table).optimize().executeCompaction()
        except DeltaConcurrentModificationException:
            continue
        return True
    return False
