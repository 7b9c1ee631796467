"""The bronze tables: Kafka's records as they were sent."""

from types import MappingProxyType

from pyspark.sql.types import ArrayType, StructType

from lakehouse.tables.declaration import (
    BINARY,
    STRING,
    TIMESTAMP,
    Job,
    Table,
    kafka_timestamp,
    optional,
    record_key,
    required,
)

INGEST = Job("bronze.ingest", "land the raw records", "the streams to reach the end of every topic")
HEADERS = ArrayType(StructType([optional("key", STRING), optional("value", BINARY)]))

# A tombstone is null in both `value` and `value_raw`.
RECORDS = StructType(
    [
        *record_key(),
        kafka_timestamp(),
        optional("key", STRING, "Key of the record as text: the entity's id; null if it is not valid UTF-8"),
        optional("key_raw", BINARY, "Key as bytes, only if they are not valid UTF-8"),
        optional("value", STRING, "Value of the record as text: JSON; null for a tombstone or invalid UTF-8"),
        optional("value_raw", BINARY, "Value as bytes, only if they are not valid UTF-8"),
        optional("headers", HEADERS, "Kafka headers of the record, in order"),
        required("ingested_at", TIMESTAMP, "When stream 1 read the record (UTC)"),
    ]
)

# The columns that are used in filters: Delta keeps each one's minimum and maximum for every file. With all
# columns, `value` among them, a million messages took 8.5 s to write, not 7.6.
_PROPERTIES = MappingProxyType(
    {"delta.dataSkippingStatsColumns": "topic,partition,`offset`,kafka_timestamp,ingested_at"}
)
_KEY = ("topic", "partition", "offset")
_VALID_OFFSETS = {"partition_valid": "partition >= 0", "offset_valid": "`offset` >= 0"}

BRONZE_EVENTS = Table(
    "bronze",
    "events",
    RECORDS,
    _KEY,
    _VALID_OFFSETS,
    _PROPERTIES,
    row="one Kafka record of any topic but that of feedback, as it was sent",
    made_by=INGEST,
    append_only=True,
)
BRONZE_FEEDBACK = Table(
    "bronze",
    "feedback",
    RECORDS,
    _KEY,
    _VALID_OFFSETS,
    _PROPERTIES,
    row="one Kafka record of the feedback topic, as it was sent",
    made_by=INGEST,
    append_only=True,
)
