"""Rows of the silver tables from judged and decided records, each shaped to its table's contract."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

import pyarrow as pa
from pyspark.sql import DataFrame, Row, SparkSession
from pyspark.sql import functions as F
from pyspark.sql.pandas.types import to_arrow_schema

from lakehouse.tables import SILVER_BATCHES, SILVER_QUARANTINE, Table
from lakehouse.tables.silver import BATCH_RECORDS, UNKNOWN_FIELD

_RECORDS = BATCH_RECORDS.fieldNames()
_UNKNOWN = UNKNOWN_FIELD.fieldNames()
MOST_UNKNOWN = 1_000
# The parsed fields that become columns of another name, by table.
SOURCES: Mapping[str, Mapping[str, str]] = {
    "users": {"fecha_suscripcion": "fecha", "decadas_favoritas": "decadas"},
    "content": {
        "decada_lanzamiento": "decada",
        "numero_temporadas": "temporadas",
        "numero_episodios": "episodios",
    },
    "feedback": {"rating": "stars", "seconds_watched": "seconds"},
    "tombstones": {},
}


def shaped(records: DataFrame, table: Table) -> DataFrame:
    """Valid records in the columns of their table."""
    sources = SOURCES[table.name]
    return records.select([F.col(sources.get(name, name)).alias(name) for name in table.columns])


def quarantine(records: DataFrame) -> DataFrame:
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


def batch(
    spark: SparkSession,
    counts: Mapping[str, object],
    *,
    records: Sequence[Row],
    versions: Mapping[str, int],
    silver_versions: Mapping[str, int],
    unknown: Sequence[Row],
) -> DataFrame:
    """The batch's own row, with the values of `counts`.

    From Arrow, which Spark keeps as data: for a row of literals it would compile a new class.
    """
    schema = to_arrow_schema(SILVER_BATCHES.schema, timezone="UTC")
    row = {
        **counts,
        "records": [{name: part[name] for name in _RECORDS} for part in records],
        "bronze_versions": sorted(versions.items()),
        "silver_versions": sorted(silver_versions.items()),
        "unknown_fields": [field.asDict() for field in unknown],
        "finished_at": datetime.now(UTC),
    }
    return spark.createDataFrame(pa.Table.from_pylist([row], schema=schema), schema=SILVER_BATCHES.schema)
