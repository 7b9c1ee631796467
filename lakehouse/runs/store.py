"""ops.runs, written and read in process."""

from collections.abc import Sequence

import pyarrow as pa

from lakehouse.lakehouse import Lakehouse, arrow_schema
from lakehouse.runs.run import Run
from lakehouse.tables import OPS_RUNS


def append(lake: Lakehouse, runs: Sequence[Run]) -> None:
    """Add the runs in one commit; the first one creates the table."""
    schema = arrow_schema(OPS_RUNS)
    columns = zip(*(map(_plain, run) for run in runs), strict=True)
    arrays = [pa.array(values, field.type) for values, field in zip(columns, schema, strict=True)]
    lake.append(OPS_RUNS, pa.table(arrays, schema=schema))


def read(lake: Lakehouse) -> list[Run]:
    """All runs, newest first. Raises TableError if none was recorded."""
    rows = lake.read(OPS_RUNS).to_pylist(maps_as_pydicts="strict")
    return sorted((Run(**row) for row in rows), key=lambda run: run.started_at, reverse=True)


def _plain(value: object) -> object:
    return list(value.items()) if isinstance(value, dict) else value
