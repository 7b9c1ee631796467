"""Bronze keeps every byte of a Kafka record and interprets none."""

from datetime import UTC, datetime

import pytest
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F
from pyspark.sql.types import (
    BinaryType,
    IntegerType,
    LongType,
    StringType,
    StructField,
    StructType,
    TimestampType,
)

from bronze.records import raw_records
from lakehouse.tables import BRONZE_EVENTS
from lakehouse.tables.bronze import HEADERS, RECORDS
from tests.support.frames import assert_df_equality

# The columns of Spark's Kafka source.
KAFKA = StructType(
    [
        StructField("key", BinaryType()),
        StructField("value", BinaryType()),
        StructField("topic", StringType()),
        StructField("partition", IntegerType()),
        StructField("offset", LongType()),
        StructField("timestamp", TimestampType()),
        StructField("timestampType", IntegerType()),
        StructField("headers", HEADERS),
    ]
)
AT = datetime(2025, 5, 13, 12, 0, 0, 123000, UTC)
NOT_UTF8 = b'{"titulo": "Ni\xf1o"}'  # Latin-1
SURROGATE = b"\xed\xa0\x80"  # an encoded surrogate, which is not valid UTF-8 either
OVERLONG = b"\xc0\xaf"  # a slash in two bytes
HEADER = [("trace", b"\xff\x00"), ("empty", None)]

# (key, value, headers) sent -> (key, key_raw, value, value_raw, headers) kept, by the reason for the row
CASES = {
    "text": ((b"m-1", '{"titulo": "Niño 💔"}'.encode(), None), ("m-1", None, '{"titulo": "Niño 💔"}', None, None)),
    "bytes that are no text": ((b"m-1", NOT_UTF8, None), ("m-1", None, None, NOT_UTF8, None)),
    "a key that is no text": ((b"\xff\xfe", b"{}", None), (None, b"\xff\xfe", "{}", None, None)),
    "neither is text": ((b"\x80", b"\x80", None), (None, b"\x80", None, b"\x80", None)),
    "an encoded surrogate": ((b"m-1", SURROGATE, None), ("m-1", None, None, SURROGATE, None)),
    "an overlong form": ((b"m-1", OVERLONG, None), ("m-1", None, None, OVERLONG, None)),
    "a tombstone": ((b"m-1", None, None), ("m-1", None, None, None, None)),
    "an empty value is no tombstone": ((b"m-1", b"", None), ("m-1", None, "", None, None)),
    "no key": ((None, b"{}", None), (None, None, "{}", None, None)),
    "an empty key is a key": ((b"", b"{}", None), ("", None, "{}", None, None)),
    "nothing at all": ((None, None, None), (None, None, None, None, None)),
    "white space, a mark and a NUL stay": (
        (b" k\x00", b"\xef\xbb\xbf {} \n", None),
        (" k\x00", None, "\ufeff {} \n", None, None),
    ),
    "headers are kept, bytes and null alike": ((b"m-1", b"{}", HEADER), ("m-1", None, "{}", None, HEADER)),
}


@pytest.fixture(scope="module")
def landed(spark: SparkSession) -> DataFrame:
    """All cases in one frame; the offset is the case's position."""
    sent = [
        (key, value, "t", 2, offset, AT, 0, headers)
        for offset, ((key, value, headers), _) in enumerate(CASES.values())
    ]
    return raw_records(spark.createDataFrame(sent, KAFKA)).localCheckpoint()


@pytest.mark.parametrize("case", CASES)
def test_a_record_is_kept_as_it_was_sent(spark: SparkSession, landed: DataFrame, case: str) -> None:
    offset = list(CASES).index(case)
    expected = spark.createDataFrame([("t", 2, offset, AT, *CASES[case][1], AT)], RECORDS).drop("ingested_at")
    kept = landed.filter(f"offset = {offset}").drop("ingested_at")
    assert_df_equality(kept, expected, ignore_nullable=True)


def test_the_columns_are_the_contract_and_every_row_knows_when_it_landed(landed: DataFrame) -> None:
    assert landed.columns == BRONZE_EVENTS.columns
    assert landed.filter("ingested_at > TIMESTAMP '2026-01-01'").count() == len(CASES)


@pytest.mark.parametrize(
    ("micros", "kept"),
    [
        (253_402_300_799_999_000, 253_402_300_799_999_000),  # the last millisecond of the year 9999
        (253_402_300_800_000_000, 253_402_300_799_999_999),
        (1_700_000_000_000_000_000, 253_402_300_799_999_999),  # microseconds where milliseconds belong
        (-1_000, -1_000),  # what old clients send for no time
    ],
)
def test_a_kafka_timestamp_is_within_sparks_and_pythons_years(spark: SparkSession, micros: int, kept: int) -> None:
    sent = spark.createDataFrame([(b"k", b"{}", "t", 2, 0, AT, 0, None)], KAFKA)
    sent = sent.withColumn("timestamp", F.timestamp_micros(F.lit(micros)))
    assert raw_records(sent).select(F.unix_micros("kafka_timestamp")).collect()[0][0] == kept
