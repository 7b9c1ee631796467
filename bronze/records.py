"""Raw Kafka records as bronze rows: nothing is parsed, no byte is lost."""

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from lakehouse.moments import LAST_MICROS
from lakehouse.tables import BRONZE_EVENTS


def raw_records(records: DataFrame) -> DataFrame:
    """One row is one Kafka record, in the shape of the bronze tables.

    `records` has the columns of Spark's Kafka source, headers included. Valid UTF-8 becomes a string; other bytes
    stay bytes in `*_raw`, so every record can be reproduced exactly as it was sent. A Kafka timestamp after the
    year 9999, as from a producer that sends microseconds, becomes the last moment that Spark's TIMESTAMP has.
    """
    return records.select(
        "topic",
        "partition",
        "offset",
        F.least(F.col("timestamp"), F.timestamp_micros(F.lit(LAST_MICROS))).alias("kafka_timestamp"),
        _text("key").alias("key"),
        _other_bytes("key").alias("key_raw"),
        _text("value").alias("value"),
        _other_bytes("value").alias("value_raw"),
        "headers",
        F.current_timestamp().alias("ingested_at"),
    ).select(*BRONZE_EVENTS.columns)


def _text(name: str) -> Column:
    text = F.col(name).cast("string")
    return F.when(F.is_valid_utf8(text), text)


def _other_bytes(name: str) -> Column:
    return F.when(~F.is_valid_utf8(F.col(name).cast("string")), F.col(name))
