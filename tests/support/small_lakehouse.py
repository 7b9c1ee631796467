"""Tables as the project declares them, written by delta-rs: a lakehouse for tests without Spark."""

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
from deltalake import CommitProperties, Schema, write_deltalake

from lakehouse.tables import GOLD_MODELS, SILVER_BATCHES, SILVER_QUARANTINE, SILVER_USERS, Table

NOON = datetime(2025, 5, 13, 12, tzinfo=UTC)


def write(root: Path, table: Table, *rows: dict[str, Any], mode: str = "append", note: str = "") -> None:
    """Write the rows in one commit. A column that a row lacks is null; the contract's NOT NULLs hold."""
    schema = pa.schema(Schema.from_json(table.schema.json()))
    write_deltalake(
        root / table.layer / table.name,
        pa.Table.from_pylist(list(rows), schema=schema),
        mode=mode,  # type: ignore[arg-type]
        commit_properties=CommitProperties(custom_metadata={"userMetadata": note}) if note else None,
    )


def record(offset: int, topic: str = "users", at: datetime = NOON) -> dict[str, Any]:
    """Where an event came from, as silver's tables record it."""
    return {"topic": topic, "partition": 0, "offset": offset, "kafka_timestamp": at, "event_timestamp": at}


def user(number: int, name: str, **changes: Any) -> dict[str, Any]:
    lists: dict[str, Sequence[str]] = {
        "generos": ["Drama"],
        "directores": [],
        "actores": [],
        "decadas_favoritas": [],
    }
    return {"id": f"u{number}", "nombre_usuario": name, **lists, **record(number), **changes}


def rejected(offset: int, *rules: str, **changes: Any) -> dict[str, Any]:
    reasons = [{"rule": rule, "field": "clasificacion", "value": f"C{offset}"} for rule in rules]
    row = {
        **record(offset),
        "key": f"u{offset}",
        "value": f'{{"id":"u{offset}"}}',
        "type": "user",
        "id": f"u{offset}",
    }
    del row["event_timestamp"]
    return {**row, "reasons": reasons, "quarantined_at": NOON, "status": "open", **changes}


def batch(number: int, *fields: dict[str, Any], at: datetime = NOON) -> dict[str, Any]:
    counts = dict.fromkeys(("rows_in", "applied", "superseded", "deleted", "quarantined"), 0)
    return {
        "query_id": "q",
        "batch_id": number,
        **counts,
        "records": [],
        "unknown_fields": list(fields),
        "bronze_versions": {},
        "silver_versions": {},
        "finished_at": at,
    }


def model(version: str, status: str, **changes: Any) -> dict[str, Any]:
    return {
        "model_version": version,
        "trained_at": NOON,
        "parameters": {"rank": "8"},
        "metrics": {"rmse": 0.9},
        "input_versions": {"silver.users": 1},
        "status": status,
        "published_at": NOON,
        "reason": "the first model",
        **changes,
    }


def make(root: Path) -> Path:
    """Two versions of users, a quarantine of one row, a batch with an unknown field, and a model."""
    write(root, SILVER_USERS, user(1, "Ana"), user(2, "Luis"))
    write(root, SILVER_USERS, user(1, "Eva"), user(2, "Luis"), user(3, "Zoé"), mode="overwrite")
    write(root, SILVER_QUARANTINE, rejected(4, "clasificacion_unknown"))
    field = {"field": "pais", "rows": 2, "sample": "MX", "topic": "users", "type": "user", "first_seen": NOON}
    write(root, SILVER_BATCHES, batch(0, field))
    write(root, GOLD_MODELS, model("als-1", "published"))
    return root
