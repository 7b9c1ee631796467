"""Write quality.results in this process, with the contract that lakehouse/tables/ declares."""

import pyarrow as pa

from lakehouse.arrow import arrow_schema
from lakehouse.lakehouse import Lakehouse
from lakehouse.tables import QUALITY_RESULTS
from quality.results import CheckRun


def record(lake: Lakehouse, run: CheckRun) -> None:
    """Append the run's results in one commit; the first run creates the table."""
    schema = arrow_schema(QUALITY_RESULTS)
    rows = [(run.run_id, *result, run.checked_at) for table in run.tables for result in table.results]
    columns = [pa.array(values, field.type) for values, field in zip(zip(*rows, strict=True), schema, strict=True)]
    versions = {table.table_name: table.version for table in run.tables}
    lake.append(QUALITY_RESULTS, pa.table(columns, schema=schema), input_versions=versions)
