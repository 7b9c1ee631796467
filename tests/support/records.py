"""Bronze rows for tests: from an event, text or bytes to a row in the bronze schema."""

import json
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

import pyarrow as pa
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql.pandas.types import to_arrow_schema

from lakehouse.lakehouse import Lakehouse
from lakehouse.tables import Table
from lakehouse.tables.bronze import RECORDS
from tests.support.delta_tables import fill

Row = tuple[object, ...]

# The default Kafka timestamp of records; events happen a minute earlier.
KAFKA_TIME = "2025-05-13T12:00:00Z"
EVENT_TIME = "2025-05-13T11:59:00Z"

USER: dict[str, Any] = {"id": "u", "type": "user", "timestamp": EVENT_TIME, "nombre_usuario": "Lucía"}
MOVIE: dict[str, Any] = {"id": "m", "type": "movie", "timestamp": EVENT_TIME, "titulo": "El viaje"}
SERIES: dict[str, Any] = {"id": "s", "type": "series", "timestamp": EVENT_TIME, "titulo": "La casa"}
FEEDBACK: dict[str, Any] = {
    "id": "f",
    "type": "feedback",
    "timestamp": EVENT_TIME,
    "user_id": "u",
    "content_id": "m",
    "action": "like",
}


def moment(text: str) -> datetime:
    return datetime.fromisoformat(text).astimezone(UTC)


def at(minute: int) -> str:
    """That minute of the hour before KAFKA_TIME."""
    return f"2025-05-13T11:{minute:02d}:00Z"


def event(kind: dict[str, Any], id_: str, minute: int, **fields: object) -> Row:
    """An event of that minute, in a record that Kafka took an hour later."""
    value = kind | {"id": id_, "timestamp": at(minute)} | fields
    return bronze_row(value, key=id_, at=f"2025-05-13T12:{minute:02d}:00Z")


def tombstone(id_: str, minute: int) -> Row:
    return bronze_row(None, key=id_, at=at(minute))


def numbered(rows: Iterable[Row], first: int = 0) -> list[Row]:
    """The rows with consecutive offsets, in this order."""
    return [(*row[:2], offset, *row[3:]) for offset, row in enumerate(rows, start=first)]


def bronze_row(
    value: dict[str, Any] | str | bytes | None,
    *,
    key: str | bytes | None = "k",
    at: str = KAFKA_TIME,
    topic: str = "t",
    partition: int = 0,
    offset: int = 0,
) -> Row:
    """One Kafka record as stream 1 writes it. A dict is encoded as JSON."""
    sent = json.dumps(value, ensure_ascii=False) if isinstance(value, dict) else value
    return (topic, partition, offset, moment(at), *_stored(key), *_stored(sent), None, moment(KAFKA_TIME))


def bronze_frame(spark: SparkSession, rows: Iterable[Row]) -> DataFrame:
    return spark.createDataFrame(list(rows), RECORDS)


def bronze_batch(rows: Iterable[Row]) -> pa.RecordBatch:
    """The same without Spark."""
    schema = to_arrow_schema(RECORDS, timezone="UTC")
    columns = zip(*rows, strict=True)
    return pa.RecordBatch.from_arrays(
        [pa.array(column, field.type) for column, field in zip(columns, schema, strict=True)], schema.names
    )


def land(root: str, table: Table, rows: Iterable[Row]) -> None:
    """Append rows to bronze in one commit, with consecutive offsets and the table's name as topic."""
    lake = Lakehouse(root)
    first = lake.read(table, columns=["offset"]).num_rows if lake.exists(table) else 0
    landed = [(table.name, row[1], offset, *row[3:]) for offset, row in enumerate(rows, start=first)]
    fill(root, table, landed)


def _stored(sent: str | bytes | None) -> tuple[str | None, bytes | None]:
    if not isinstance(sent, bytes):
        return sent, None
    try:
        return sent.decode(), None
    except UnicodeDecodeError:
        return None, sent
