"""Tables and models of a lakehouse, written by delta-rs and pyarrow: as Spark would, without a JVM."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from deltalake import Schema, write_deltalake

from lakehouse.tables import Table


def arrow_rows(table: Table, rows: Sequence[Sequence[Any]]) -> pa.Table:
    """The rows, each in the order of the table's columns, in its schema; a dictionary stands for a map."""
    schema = pa.schema(Schema.from_json(table.schema.json()).to_arrow())
    named = [dict(zip(table.columns, map(_plain, row), strict=True)) for row in rows]
    return pa.Table.from_pylist(named, schema=schema)


def write_rows(root: str, table: Table, rows: Sequence[Sequence[Any]], *, mode: Any = "append") -> None:
    """Add the rows to the table in one commit, the first of a new table."""
    address = f"{root}/{table.layer}/{table.name}"
    write_deltalake(address, arrow_rows(table, rows), mode=mode, configuration=dict(table.properties))


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


def _plain(value: Any) -> Any:
    return list(value.items()) if isinstance(value, dict) else value
