"""Raw Kafka records as rows of bronze: nothing is parsed, and no byte is lost."""

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from lakehouse.tables import BRONZE_EVENTS


def raw_records(records: DataFrame) -> DataFrame:
    """One row is one Kafka record, in the shape of the bronze tables.

    `records` has the columns of Spark's Kafka source, headers included. Bytes that are valid UTF-8 become a
    string; others stay bytes in `*_raw`, so that every record can be read again exactly as it was sent.
    """
    return records.select(
        "topic",
        "partition",
        "offset",
        F.col("timestamp").alias("kafka_timestamp"),
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
