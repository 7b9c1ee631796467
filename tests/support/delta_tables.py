"""A lakehouse for tests without Spark: tables as the project declares them, and models, by delta-rs."""

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from deltalake import CommitProperties, DeltaTable, write_deltalake

from lakehouse.arrow import arrow_schema
from lakehouse.lakehouse import Lakehouse, append, unmatched
from lakehouse.tables import GOLD_MODELS, SILVER_BATCHES, SILVER_QUARANTINE, SILVER_USERS, Table

NOON = datetime(2025, 5, 13, 12, tzinfo=UTC)


def arrow_rows(table: Table, rows: Sequence[Sequence[Any]]) -> pa.Table:
    """The rows, each in the order of the table's columns, in its schema; a dictionary stands for a map."""
    named = [dict(zip(table.columns, map(_plain, row), strict=True)) for row in rows]
    return pa.Table.from_pylist(named, schema=arrow_schema(table))


def write_rows(root: str, table: Table, rows: Sequence[Sequence[Any]], *, mode: Any = "append") -> None:
    """Add the rows to the table in one commit, the first of a new table."""
    address = f"{root}/{table.layer}/{table.name}"
    write_deltalake(address, arrow_rows(table, rows), mode=mode, configuration=dict(table.properties))


def fill(root: str, table: Table, rows: Sequence[Sequence[Any]]) -> None:
    """Add the rows in one commit, below any folder. Version 0 of a new table has none, as if Spark had made it."""
    append(_created(root, table), arrow_rows(table, rows))


def refill(root: str, table: Table, rows: Sequence[Sequence[Any]]) -> None:
    """The same, in place of the rows that the table holds."""
    merge = unmatched(_created(root, table), arrow_rows(table, rows))
    merge.when_not_matched_insert_all().when_not_matched_by_source_delete().execute()


def _created(root: str, table: Table) -> DeltaTable:
    """The table, created if there is none: without constraints, which would take a commit each."""
    lake = Lakehouse(root)
    if not lake.exists(table):
        schema = arrow_schema(table)
        DeltaTable.create(table.path(root), schema, configuration=dict(table.properties))
    return lake.delta(table)


def write(root: Path, table: Table, *rows: dict[str, Any], mode: Any = "append", note: str = "") -> None:
    """Write the rows in one commit. A column that a row lacks is null; the contract's NOT NULLs hold."""
    write_deltalake(
        root / table.layer / table.name,
        pa.Table.from_pylist(list(rows), schema=arrow_schema(table)),
        mode=mode,
        commit_properties=CommitProperties(custom_metadata={"userMetadata": note}) if note else None,
    )


def write_model(root: str, version: str, frames: Mapping[str, pa.Table]) -> None:
    """A saved model, of frames alone."""
    folder = Path(root, "models", version)
    for name, rows in frames.items():
        (folder / name).mkdir(parents=True)
        pq.write_table(rows, folder / name / "part-0.parquet")
    files = {name: ["part-0.parquet"] for name in frames}
    (folder / "model.json").write_text(
        json.dumps({"frames": dict.fromkeys(frames), "numbers": {}, "files": files})
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


def _plain(value: Any) -> Any:
    return list(value.items()) if isinstance(value, dict) else value
