"""Write quality.results in this process, with the contract that lakehouse/tables.py declares."""

import pyarrow as pa
from deltalake import DeltaTable, Schema, write_deltalake

from lakehouse.lakehouse import Lakehouse
from lakehouse.tables import QUALITY_RESULTS
from quality.results import Run

_SCHEMA = Schema.from_json(QUALITY_RESULTS.schema.json())


def record(lake: Lakehouse, run: Run) -> None:
    """Append the run's results in one commit; the first run creates the table."""
    schema = pa.schema(_SCHEMA)
    rows = [(run.run_id, *result, run.checked_at) for table in run.tables for result in table.results]
    columns = [pa.array(values, field.type) for values, field in zip(zip(*rows, strict=True), schema, strict=True)]
    write_deltalake(_ensured(lake), pa.table(columns, schema=schema), mode="append")


def _ensured(lake: Lakehouse) -> DeltaTable:
    """The table. One that was cut off before its constraints were set gets them now."""
    if not lake.exists(QUALITY_RESULTS):
        properties = dict(QUALITY_RESULTS.properties)
        # another check may be creating it
        DeltaTable.create(lake.path(QUALITY_RESULTS), _SCHEMA, mode="ignore", configuration=properties)
    table = lake.delta(QUALITY_RESULTS)
    held = table.metadata().configuration
    for name, condition in QUALITY_RESULTS.checks.items():
        if f"delta.constraints.{name}" not in held:
            table.alter.add_constraint({name: condition})
    return table
