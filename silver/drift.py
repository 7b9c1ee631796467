"""Fields that the wire format does not have, as silver's batches recorded them."""

from collections.abc import Iterator
from datetime import datetime
from itertools import groupby
from typing import Any, NamedTuple

import pyarrow as pa


class DriftedField(NamedTuple):
    """A field that its event type does not define.

    `first_seen` is the earliest Kafka timestamp, `first_batch` the batch that saw the field first, `records` the
    number of records with it, `sample` a value from the batch that saw one first. Batches written before version
    0.2 record no topic and no type; their end time stands in for the timestamp.
    """

    topic: str | None
    type: str | None
    field: str
    first_seen: datetime
    first_batch: int
    records: int
    sample: str | None


class _Seen(NamedTuple):
    """One field in one batch; what older batches do not record is empty."""

    topic: str | None
    type: str | None
    field: str
    at: datetime
    batch_id: int
    rows: int
    sample: str | None

    @property
    def name(self) -> tuple[str, str, str]:
        return (self.topic or "", self.type or "", self.field)


def drifted_fields(batches: pa.Table) -> list[DriftedField]:
    """The drifted fields that these rows of silver.batches record, in the order of their first record."""
    seen = sorted(_seen(batches), key=lambda one: (one.name, one.at, one.batch_id))
    fields = [_drifted(list(same)) for _, same in groupby(seen, key=lambda one: one.name)]
    return sorted(fields, key=lambda one: (one.first_seen, one.topic or "", one.type or "", one.field))


def _seen(batches: pa.Table) -> Iterator[_Seen]:
    for batch in batches.select(["batch_id", "finished_at", "unknown_fields"]).to_pylist():
        for field in batch["unknown_fields"]:
            at = field.get("first_seen") or batch["finished_at"]
            yield _Seen(
                *(field.get("topic"), field.get("type"), field["field"]),
                *(at, batch["batch_id"], field["rows"], field["sample"]),
            )


def _drifted(seen: list[_Seen]) -> DriftedField:
    """The field, from all batches that saw it, earliest first."""
    first: dict[str, Any] = {"topic": seen[0].topic, "type": seen[0].type, "field": seen[0].field}
    return DriftedField(
        **first,
        first_seen=seen[0].at,
        first_batch=min(one.batch_id for one in seen),
        records=sum(one.rows for one in seen),
        sample=next((one.sample for one in seen if one.sample is not None), None),
    )
