"""The inputs of a gold job: tables read at one recorded version each, so that the run can be repeated."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from lakehouse.history.acceptance import input_version, published_version
from lakehouse.spark.lakehouse import SparkLakehouse
from lakehouse.tables import Table


@dataclass(frozen=True)
class Inputs:
    """The rows of the tables, and the version of each by its SQL name."""

    rows: dict[str, DataFrame]
    versions: dict[str, int]

    def __getitem__(self, table: Table) -> DataFrame:
        return self.rows[table.sql_name]


def read_inputs(lake: SparkLakehouse, *tables: Table) -> Inputs:
    """Each table at its latest version now; a silver table that has been checked, at the last version that passed.

    Raises TableError if a table does not exist, or was checked and never passed.
    """
    versions = {table.sql_name: input_version(lake.root, table) for table in tables}
    return _read(lake, tables, versions)


def read_published(lake: SparkLakehouse, published: Table, *others: Table) -> Inputs:
    """`published` at its last version that passed its checks; the others as in `read_inputs`.

    Raises TableError if a table does not exist, or has no version that passed.
    """
    versions = {published.sql_name: published_version(lake.root, published)}
    versions |= {table.sql_name: input_version(lake.root, table) for table in others}
    return _read(lake, (published, *others), versions)


def _read(lake: SparkLakehouse, tables: Sequence[Table], versions: dict[str, int]) -> Inputs:
    rows = {table.sql_name: lake.read(table, version=versions[table.sql_name]) for table in tables}
    return Inputs(rows=rows, versions=versions)


@contextmanager
def held(rows: DataFrame) -> Iterator[DataFrame]:
    """The rows, computed once however often they are used, and released at the end or on failure."""
    rows.persist()
    try:
        yield rows
    finally:
        rows.unpersist()


def one_per_id(rows: DataFrame) -> DataFrame:
    """One row per id. Only silver's merge keeps its ids unique, and a join must not multiply rows."""
    others = [name for name in rows.columns if name != "id"]
    return rows.groupBy("id").agg(F.max(F.struct(*others)).alias("row")).select("id", "row.*")


def partitions_of(spark: SparkSession) -> int:
    """The number of tasks that this machine or cluster divides work into."""
    return int(spark.conf.get("spark.sql.shuffle.partitions") or 1)
