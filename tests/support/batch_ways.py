"""Both ways to write a judged micro-batch to silver, and the functions with which each commits."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

import pyarrow as pa
from pyspark.sql import DataFrame, SparkSession

from lakehouse import Lakehouse
from lakehouse.settings import load_settings
from lakehouse.spark.lakehouse import SparkLakehouse
from lakehouse.tables import layer_tables
from silver import judging, small_batch, state
from silver.batch import apply_large_batch
from silver.latest import TABLES
from silver.small_batch import apply_small_batch, open_tables
from tests.support.batch_sequences import Way
from tests.support.records import Row, bronze_frame


def create_silver(spark: SparkSession, root: Path) -> Path:
    """The root, with silver's tables, which have no rows."""
    for table in layer_tables("silver"):
        SparkLakehouse(str(root), spark).ensure(table)
    return root


class Write(Protocol):
    """Applies a judged batch to the silver tables below a root."""

    def __call__(
        self, judged: DataFrame, root: str, *, query_id: str, batch_id: int, versions: Mapping[str, int]
    ) -> None: ...


def in_process(
    judged: DataFrame,
    root: str,
    *,
    query_id: str,
    batch_id: int,
    versions: Mapping[str, int],
    writers: int = len(TABLES),
) -> None:
    rows, tables = judged.toArrow(), open_tables(Lakehouse(root))
    apply_small_batch(rows, tables, query_id=query_id, batch_id=batch_id, versions=versions, writers=writers)


SPARK, PROCESS = "by Spark", "in process"
WAYS: Mapping[str, Write] = {SPARK: apply_large_batch, PROCESS: in_process}
COMMITS: Mapping[str, Sequence[tuple[Any, str]]] = {
    SPARK: ((state, "_merge"), (SparkLakehouse, "append"), (SparkLakehouse, "append_once")),
    PROCESS: ((small_batch, "_merge"), (small_batch, "_append")),
}


def judged(spark: SparkSession, rows: list[Row]) -> DataFrame:
    silver = load_settings().silver
    verdicts = judging.judged(
        bronze_frame(spark, rows),
        clasificaciones=silver.clasificaciones,
        future_tolerance_seconds=silver.future_tolerance_seconds,
    )
    return verdicts.localCheckpoint()


def sequence_ways(spark: SparkSession) -> Mapping[str, Way]:
    """Both ways, for batches that were judged in this process."""
    schema = judged(spark, []).schema

    def way(name: str) -> Way:
        def apply(root: str, batch: pa.Table, batch_id: int) -> None:
            frame = spark.createDataFrame(batch, schema)
            WAYS[name](frame, root, query_id="q", batch_id=batch_id, versions={})

        return Way(apply, COMMITS[name])

    return {name: way(name) for name in WAYS}
