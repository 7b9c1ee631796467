"""Rows of the silver tables from judged and decided records, each shaped to its table's contract."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import pyarrow as pa
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from lakehouse.arrow import arrow_schema
from lakehouse.tables import SILVER_BATCHES, SILVER_QUARANTINE, Table
from lakehouse.tables.silver import BATCH_RECORDS, UNKNOWN_FIELD
from silver.latest import TOMBSTONE
from silver.parsing.fields import TYPED_COLUMNS

_RECORDS = BATCH_RECORDS.fieldNames()
_UNKNOWN = UNKNOWN_FIELD.fieldNames()
MOST_UNKNOWN = 1_000


def shaped(records: DataFrame, table: Table) -> DataFrame:
    """Valid records in the columns of their table."""
    return records.select([F.col(TYPED_COLUMNS.get(name, name)).alias(name) for name in table.columns])


def quarantine_rows(records: DataFrame) -> DataFrame:
    return records.withColumns(
        {
            "quarantined_at": F.current_timestamp(),
            "status": F.lit("open"),
            "resolved_at": F.lit(None).cast("timestamp"),
        }
    ).select(*SILVER_QUARANTINE.columns)


def unknown_fields(records: DataFrame) -> DataFrame:
    """One row per topic, type and field that the type does not have.

    Has the number of records with the field, one of its values, and the earliest Kafka timestamp in microseconds
    since 1970 (a Python datetime would lose its zone). The first thousand only: more names are data, not fields.
    """
    seen = records.select("topic", "type", "kafka_timestamp", F.explode("unknown_fields").alias("unknown"))
    return (
        seen.groupBy("topic", "type", F.col("unknown.field").alias("field"))
        .agg(
            F.count("*").alias("rows"),
            F.min("unknown.sample").alias("sample"),
            F.unix_micros(F.min("kafka_timestamp")).alias("first_seen"),
        )
        .orderBy("field", "topic", "type")
        .limit(MOST_UNKNOWN)
        .select(*_UNKNOWN)
    )


def outcome_counts(rows_in: int, quarantined: int, won: Mapping[str, int]) -> dict[str, int]:
    """The batch's row count per outcome; they add up to `rows_in`. `won`: the rows that change each table."""
    deleted = won.get(TOMBSTONE, 0)
    applied = sum(won.values()) - deleted
    return {
        "rows_in": rows_in,
        "applied": applied,
        "superseded": rows_in - quarantined - applied - deleted,
        "deleted": deleted,
        "quarantined": quarantined,
    }


def batch_row(
    counts: Mapping[str, object],
    *,
    records: Sequence[Mapping[str, Any]],
    versions: Mapping[str, int],
    silver_versions: Mapping[str, int],
    unknown: Sequence[Mapping[str, Any]],
) -> pa.Table:
    """The batch's own row, with the values of `counts`."""
    row = {
        **counts,
        "records": [{name: part[name] for name in _RECORDS} for part in records],
        "bronze_versions": sorted(versions.items()),
        "silver_versions": sorted(silver_versions.items()),
        "unknown_fields": unknown,
        "finished_at": datetime.now(UTC),
    }
    return pa.Table.from_pylist([row], schema=arrow_schema(SILVER_BATCHES))
