"""The commits by which people are forgotten: merges of delta-rs that name nobody in the log."""

import json
from collections.abc import Iterable, Mapping
from typing import Any

import pyarrow as pa
from deltalake import CommitProperties
from deltalake.table import TableMerger

from lakehouse.arrow import arrow_schema
from lakehouse.history.commits import lineage_of
from lakehouse.lakehouse import Lakehouse
from lakehouse.leases import require_leases
from lakehouse.sql import quoted
from lakehouse.tables import Table

_NOTE = "forget"
Row = Mapping[str, Any]


def merge(lake: Lakehouse, table: Table, rows: pa.Table, key: Iterable[str]) -> TableMerger:
    """A merge of these rows into the table, by its columns `key`, with the aliases t and s."""
    require_leases()
    same = " AND ".join(f"t.{quoted(name)} = s.{quoted(name)}" for name in key)
    return lake.delta(table).merge(
        rows,
        same,
        source_alias="s",
        target_alias="t",
        commit_properties=note(lake, table),
        streamed_exec=False,
    )


def note(lake: Lakehouse, table: Table) -> CommitProperties:
    """What the commit says of itself: whose it is, and for gold still from which inputs the rows were built."""
    metadata: dict[str, Any] = {"lakehouse": _NOTE}
    inputs = lineage_of(lake, table, lake.version(table)) if table.layer == "gold" else None
    if inputs:
        metadata["inputs"] = inputs
    return CommitProperties(custom_metadata={"userMetadata": json.dumps(metadata)})


def as_rows(table: Table, rows: Iterable[Row], columns: Iterable[str] | None = None) -> pa.Table:
    schema = pa.schema([arrow_schema(table).field(name).with_nullable(True) for name in columns or table.columns])
    return pa.Table.from_pylist(list(rows), schema=schema)
