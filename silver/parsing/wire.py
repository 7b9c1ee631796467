"""Bronze rows as typed, cleaned fields: `silver.parsing.events` applied to every record."""

from collections.abc import Iterable, Iterator

import pyarrow as pa
from pyspark.sql import DataFrame
from pyspark.sql import functions as F
from pyspark.sql.pandas.types import to_arrow_schema
from pyspark.sql.types import (
    ArrayType,
    BooleanType,
    DateType,
    DoubleType,
    IntegerType,
    MapType,
    StringType,
    StructField,
    StructType,
    TimestampType,
)

from lakehouse.text import cleaned
from silver.parsing.events import ARRAYS, SCALARS, read_event

_STRINGS = ArrayType(StringType())
_TYPE, _ACTION = SCALARS.index("type"), SCALARS.index("action")
_UNKNOWN = ArrayType(StructType([StructField("field", StringType()), StructField("sample", StringType())]))
_PARSED = StructType(
    [
        StructField("key_id", StringType()),
        StructField("is_object", BooleanType()),
        *[StructField(name, StringType()) for name in SCALARS],
        *[StructField(name, _STRINGS) for name in ARRAYS],
        StructField("raw", MapType(StringType(), StringType())),
        StructField("wrong_type", _STRINGS),
        StructField("unknown_fields", _UNKNOWN),
        StructField("event_timestamp", TimestampType()),
        StructField("fecha", DateType()),
        StructField("decada", StringType()),
        StructField("decadas", _STRINGS),
        StructField("temporadas", IntegerType()),
        StructField("episodios", IntegerType()),
        StructField("seconds", IntegerType()),
        StructField("stars", DoubleType()),
    ]
)


def parse(rows: DataFrame) -> DataFrame:
    """One row is one bronze row with its parsed content.

    Adds `is_tombstone`, `key_id` (the key, cleaned like an id) and the fields of `silver.parsing.events.Event`,
    each wire field as a column of its name. A tombstone's `event_timestamp` is its Kafka timestamp.
    """
    # in Python: as Spark expressions this took 25 s for 200,000 records instead of 7 s
    parsed = rows.mapInArrow(_read, StructType([*rows.schema, *_PARSED]))
    is_tombstone = F.col("value").isNull() & F.col("value_raw").isNull()
    return parsed.withColumns(
        {
            "is_tombstone": is_tombstone,
            "event_timestamp": F.when(is_tombstone, F.col("kafka_timestamp")).otherwise(F.col("event_timestamp")),
        }
    )


def _read(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    added = to_arrow_schema(_PARSED, timezone="UTC")
    for batch in batches:
        keys, values = batch.column("key").to_pylist(), batch.column("value").to_pylist()
        records = [_flat(key, value) for key, value in zip(keys, values, strict=True)]
        columns = zip(*records, strict=True) if records else [()] * len(added)
        arrays = [pa.array(column, field.type) for column, field in zip(columns, added, strict=True)]
        names = [*batch.schema.names, *added.names]
        yield pa.RecordBatch.from_arrays([*batch.columns, *arrays], names=names)


def _flat(key: str | None, value: str | None) -> tuple[object, ...]:
    """The columns of _PARSED, in order."""
    event = read_event(value)
    kind, action = event.scalars[_TYPE], event.scalars[_ACTION]
    return (
        cleaned(key) if key is not None else None,
        event.is_object,
        *event.scalars,
        *event.arrays,
        list(event.raw.items()),
        event.wrong_type,
        [unknown._asdict() for unknown in event.unknown_fields],
        event.event_time,
        event.fecha,
        event.decada if kind == "movie" else None,
        list(dict.fromkeys(event.decadas)),
        event.temporadas if kind == "series" else None,
        event.episodios if kind == "series" else None,
        event.seconds if action == "view" else None,
        event.stars if action == "rating" else None,
    )
