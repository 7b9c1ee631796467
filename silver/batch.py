"""One micro-batch of stream 2: judged once, then written idempotently, by Spark or (a small one) in process."""

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from functools import partial

import pyarrow as pa
from deltalake.exceptions import CommitFailedError
from pyspark.sql import DataFrame, Row
from pyspark.sql import functions as F

from lakehouse.lakehouse import Lakehouse
from lakehouse.spark.lakehouse import SparkLakehouse
from lakehouse.spark.sql import setting
from lakehouse.tables import (
    SILVER_BATCHES,
    SILVER_CORRECTIONS,
    SILVER_QUARANTINE,
    SILVER_TOMBSTONES,
)
from silver import rows, state
from silver.latest import TOMBSTONE, one_per_record, targeted
from silver.rules import split
from silver.sizes import Bounds, is_small, may_be_small
from silver.small_batch import Opened, apply_small_batch, join_small_files, open_tables
from silver.state import TARGETS

_PROJECTIONS = "spark.sql.codegen.factoryMode"
# Spark generates the code of its projections for every task, spending most of that time stripping comments. For
# few rows this costs more than it saves: a warm batch of 999 rows took 5.9 s without codegen and 6.3 s with it,
# one of 9,999 took the same either way, one of 60,000 15.7 and 13.8 s (medians, alternating runs; in the two
# larger ones parsing ran that way too).
FEW_ROWS = 10_000


def apply_batch(
    judged: DataFrame, root: str, *, query_id: str, batch_id: int, versions: Mapping[str, int], bounds: Bounds
) -> None:
    """Write one judged batch to the silver tables: in process up to the bounds, by Spark beyond them."""
    if may_be_small(judged, root, bounds):
        lake = Lakehouse(root)
        with ThreadPoolExecutor(1) as meanwhile:
            opening = meanwhile.submit(open_tables, lake)
            rows, tables = judged.toArrow(), opening.result()
        if is_small(rows, tables, bounds):
            _apply_small_batch(rows, tables, root, query_id=query_id, batch_id=batch_id, versions=versions)
            join_small_files(lake, tables)
            return
        judged = judged.sparkSession.createDataFrame(rows, judged.schema)
    apply_large_batch(judged, root, query_id=query_id, batch_id=batch_id, versions=versions)


def _apply_small_batch(
    rows: pa.Table, tables: Opened, root: str, *, query_id: str, batch_id: int, versions: Mapping[str, int]
) -> None:
    """Apply it, once more if somebody has compacted a table meanwhile: each of its commits may be repeated."""
    apply = partial(apply_small_batch, rows, query_id=query_id, batch_id=batch_id, versions=versions)
    try:
        apply(tables)
    except CommitFailedError:
        apply(open_tables(Lakehouse(root)))


def apply_large_batch(
    judged: DataFrame, root: str, *, query_id: str, batch_id: int, versions: Mapping[str, int]
) -> None:
    """Write one judged batch to the silver tables, its own row in silver.batches last.

    If a crash made Spark repeat the batch, any of its first commits may already exist: each commit compares its
    rows with what the table holds, and the last one carries a transaction id.
    """
    spark = judged.sparkSession
    lake = SparkLakehouse(root, spark)
    with state.materialized(targeted(judged)) as records:
        parts = _parts(records)
        facts = _facts(parts)
        projections = nullcontext() if facts["rows"] > FEW_ROWS else setting(spark, _PROJECTIONS, "NO_CODEGEN")
        with projections:
            if facts["quarantined"]:
                _quarantine(lake, rows.quarantine_rows(split(records).quarantined), facts)
            valid = split(records).valid
            present = {target for target in (*TARGETS, TOMBSTONE) if facts[target]}
            with state.materialized(state.compare(lake, valid, present=present)) as decided:
                verdicts = state.count_changes(decided)
                state.write(lake, valid, decided, verdicts)
            unknown = rows.unknown_fields(records).collect() if facts["unknown"] else []
            won = {target: verdict.won for target, verdict in verdicts.items()}
            counts = rows.outcome_counts(facts["rows"], facts["quarantined"], won)
            row = rows.batch_row(
                {"query_id": query_id, "batch_id": batch_id, **counts},
                records=[part.asDict() for part in parts],
                versions=versions,
                silver_versions=_versions(lake),
                unknown=[field.asDict() for field in unknown],
            )
            # from Arrow, which Spark keeps as data: for a row of literals it would compile a new class
            summary = spark.createDataFrame(row, schema=SILVER_BATCHES.schema)
            lake.append_once(summary, SILVER_BATCHES, txn_app_id=query_id, txn_version=batch_id)


def _parts(records: DataFrame) -> list[Row]:
    """Per topic and partition: the batch's offsets, and the number of rows that were quarantined, that are valid
    for each target, and that have unknown fields."""
    rejected = F.size("reasons") > 0
    target = F.when(~rejected, F.col("target"))
    counted = records.groupBy("topic", "partition").agg(
        F.min("offset").alias("first_offset"),
        F.max("offset").alias("last_offset"),
        F.count("*").alias("rows"),
        F.count_if(rejected).alias("quarantined"),
        F.count_if(F.size("unknown_fields") > 0).alias("unknown"),
        *[F.count_if(target == name).alias(name) for name in (*TARGETS, TOMBSTONE)],
    )
    return sorted(counted.collect(), key=lambda part: (part["topic"], part["partition"]))


def _facts(parts: Sequence[Row]) -> Mapping[str, int]:
    """The counts over all partitions, and the first and last offset of the batch."""
    names = ("rows", "quarantined", "unknown", *TARGETS, TOMBSTONE)
    sums = {name: sum(part[name] for part in parts) for name in names}
    return sums | {
        "first_offset": min((part["first_offset"] for part in parts), default=0),
        "last_offset": max((part["last_offset"] for part in parts), default=0),
    }


def _versions(lake: SparkLakehouse) -> dict[str, int]:
    """The versions of the silver tables after this batch."""
    tables = (*TARGETS.values(), SILVER_TOMBSTONES, SILVER_QUARANTINE, SILVER_CORRECTIONS)
    return {table.sql_name: lake.version(table) for table in tables}


def _quarantine(lake: SparkLakehouse, rejected: DataFrame, facts: Mapping[str, int]) -> None:
    """Append a row for each record that is not there yet: neither a repeated batch nor a record that bronze holds
    twice adds a second one."""
    if facts["rows"] <= FEW_ROWS:
        rejected = rejected.coalesce(1)  # with one partition the window needs no shuffle, which saves a job
    rejected = one_per_record(rejected, "kafka_timestamp", "key", "value", "value_raw")
    if lake.version(SILVER_QUARANTINE) == 0:  # the first version has no rows
        lake.append(rejected, SILVER_QUARANTINE)
        return
    # the range lets Delta skip files with other offsets
    between = F.col("offset").between(facts["first_offset"], facts["last_offset"])
    held = lake.read(SILVER_QUARANTINE).filter(between).select(*SILVER_QUARANTINE.key)
    lake.append(rejected.join(held, on=list(SILVER_QUARANTINE.key), how="left_anti"), SILVER_QUARANTINE)
