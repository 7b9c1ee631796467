"""Bronze rows judged: parsed, with every rule that they break. Plain Python, applied by Spark's workers."""

from collections.abc import Collection

import pyarrow as pa
from pyspark.sql import DataFrame
from pyspark.sql.types import ArrayType, StructField, StructType

from lakehouse.tables.silver import REASON
from silver.conditions import Rules
from silver.parsing.wire import PARSED, map_batches, no_collection, parsed_columns, read_records, with_columns
from silver.rules import reasons

_JUDGED = StructType([*PARSED, StructField("reasons", ArrayType(REASON), nullable=False)])


def judged(rows: DataFrame, *, clasificaciones: Collection[str], future_tolerance_seconds: int) -> DataFrame:
    """Bronze rows with the columns of PARSED and `reasons`: every rule that a row breaks, none for a valid row."""
    rules = Rules(frozenset(clasificaciones), future_tolerance_seconds)
    return map_batches(rows, lambda batch: judge_batch(batch, rules), _JUDGED)


def judge_batch(batch: pa.RecordBatch, rules: Rules) -> pa.RecordBatch:
    """The same for bronze rows in Arrow."""
    with no_collection():
        records = read_records(batch)
        found = [reasons(record, rules) for record in records]
        return with_columns(batch, _JUDGED, [*parsed_columns(records), found])
