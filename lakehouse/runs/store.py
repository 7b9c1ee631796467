"""ops.runs, written and read in process."""

from collections.abc import Sequence
from datetime import datetime

import pyarrow as pa
import pyarrow.compute as pc

from lakehouse.arrow import arrow_schema
from lakehouse.lakehouse import Lakehouse
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


def last_success(lake: Lakehouse, job: str) -> datetime | None:
    """When the last run of the job that succeeded began, in UTC; None if no such run was recorded."""
    if not lake.exists(OPS_RUNS):
        return None
    began = lake.read(OPS_RUNS, columns=["started_at"], where=f"job = '{job}' AND result = 'succeeded'")
    moment: datetime | None = pc.max(began["started_at"]).as_py()
    return moment


def _plain(value: object) -> object:
    return list(value.items()) if isinstance(value, dict) else value
