"""Which micro-batches may be written in process: on one machine, into tables that delta-rs can write."""

from deltalake import DeltaTable
from pyspark.sql import SparkSession

from lakehouse.paths import is_address
from lakehouse.tables import Table
from lakehouse.tables.declaration import checks_in

# The table features that delta-rs can write.
_WRITABLE = frozenset(
    {"appendOnly", "invariants", "checkConstraints", "changeDataFeed", "generatedColumns", "deletionVectors"}
)


def is_on_one_machine(spark: SparkSession, root: str) -> bool:
    """Else Spark writes all: its commits and delta-rs' exclude each other on local disks only."""
    return (spark.sparkContext.master or "").startswith("local") and not is_address(root)


def is_writable(opened: DeltaTable, table: Table) -> bool:
    """Whether delta-rs can write it: somebody may have added a constraint that calls a function of Spark."""
    held = checks_in(opened.metadata().configuration)
    return held.keys() <= table.checks.keys() and set(opened.protocol().writer_features or ()) <= _WRITABLE
