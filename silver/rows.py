"""Rows of the silver tables from judged and decided records: each ends in its table's contract."""

from collections.abc import Mapping, Sequence

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from lakehouse.tables import (
    SILVER_BATCHES,
    SILVER_CONTENT,
    SILVER_FEEDBACK,
    SILVER_QUARANTINE,
    SILVER_TOMBSTONES,
    SILVER_USERS,
)

_UNKNOWN_FIELD = "array<struct<field:string,rows:bigint,sample:string>>"


def users(records: DataFrame) -> DataFrame:
    return records.withColumns(
        {"fecha_suscripcion": F.col("fecha"), "decadas_favoritas": F.array_distinct("decadas")}
    ).select(*SILVER_USERS.columns)


def content(records: DataFrame) -> DataFrame:
    is_series = F.col("type") == "series"
    return records.withColumns(
        {
            "decada_lanzamiento": F.when(~is_series, F.col("decada")),
            "numero_temporadas": F.when(is_series, F.col("temporadas")),
            "numero_episodios": F.when(is_series, F.col("episodios")),
        }
    ).select(*SILVER_CONTENT.columns)


def feedback(records: DataFrame) -> DataFrame:
    return records.withColumns(
        {
            "rating": F.when(F.col("action") == "rating", F.col("stars")),
            "seconds_watched": F.when(F.col("action") == "view", F.col("seconds")),
        }
    ).select(*SILVER_FEEDBACK.columns)


def tombstones(records: DataFrame) -> DataFrame:
    return records.select(*SILVER_TOMBSTONES.columns)


def quarantine(records: DataFrame) -> DataFrame:
    return records.withColumns(
        {
            "quarantined_at": F.current_timestamp(),
            "status": F.lit("open"),
            "resolved_at": F.lit(None).cast("timestamp"),
        }
    ).select(*SILVER_QUARANTINE.columns)


def unknown_fields(records: DataFrame) -> DataFrame:
    """One row per field that no type has: in how many records it was seen, and one of its values."""
    seen = records.select(F.explode("unknown_fields").alias("unknown"))
    return (
        seen.groupBy(F.col("unknown.field").alias("field"))
        .agg(F.count("*").alias("rows"), F.min("unknown.sample").alias("sample"))
        .orderBy("field")
    )


def batch(one: DataFrame, *, versions: Mapping[str, int], unknown: Sequence[tuple[str, int, str]]) -> DataFrame:
    """The batch's own row, from a frame with its counts."""
    versions_map = F.create_map(*[F.lit(part) for pair in sorted(versions.items()) for part in pair])
    fields = [
        F.struct(F.lit(field).alias("field"), F.lit(rows).alias("rows"), F.lit(sample).alias("sample"))
        for field, rows, sample in unknown
    ]
    return one.withColumns(
        {
            "bronze_versions": versions_map.cast("map<string,bigint>"),
            "unknown_fields": F.array(*fields).cast(_UNKNOWN_FIELD),
            "finished_at": F.current_timestamp(),
        }
    ).select(*SILVER_BATCHES.columns)
