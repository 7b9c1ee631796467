"""Bronze rows judged: parsed, with every rule that they break. Plain Python, applied by Spark's workers."""

from collections.abc import Collection

import pyarrow as pa
import pyarrow.compute as pc
from pyspark.sql import DataFrame
from pyspark.sql.types import ArrayType, StructField, StructType

from lakehouse.pseudonyms import NOBODY, Forgotten
from lakehouse.tables.silver import REASON
from silver.conditions import Rules
from silver.parsing.fields import FIELDS
from silver.parsing.people import withheld
from silver.parsing.wire import PARSED, map_batches, no_collection, parsed_columns, read_records, with_columns
from silver.rules import reasons

# What only the rules read: whether there is an object, what was sent, and the texts of typed values.
_READ_BY_RULES = {"is_object", "raw", "wrong_type", *(field.name for field in FIELDS if field.typed is not None)}
_KEPT = [column for column in PARSED if column.name not in _READ_BY_RULES]
_JUDGED = StructType([*_KEPT, StructField("reasons", ArrayType(REASON), nullable=False)])
# What Kafka sent. Only a rejected row keeps it: moving and storing it takes longer than all other columns.
_SENT = ("key", "key_raw", "value", "value_raw")


def judged(
    rows: DataFrame,
    *,
    clasificaciones: Collection[str],
    future_tolerance_seconds: int,
    forgotten: Forgotten = NOBODY,
    keep_sent: bool = False,
) -> DataFrame:
    """Bronze rows with their parsed content and `reasons`: every rule that a row breaks, none for a valid row.

    Valid rows lose their keys and values, unless these are to be kept.
    """
    rules = Rules(frozenset(clasificaciones), future_tolerance_seconds, forgotten)
    return map_batches(rows, lambda batch: judge_batch(batch, rules, keep_sent=keep_sent), _JUDGED)


def judge_batch(batch: pa.RecordBatch, rules: Rules, *, keep_sent: bool = False) -> pa.RecordBatch:
    """The same for bronze rows in Arrow."""
    with no_collection():
        records = read_records(batch)
        if rules.forgotten.pseudonyms:
            records = [withheld(record, rules.forgotten) for record in records]
        broken = [reasons(record, rules) for record in records]
        parsed = dict(zip(PARSED.names, parsed_columns(records), strict=True))
        kept = batch if keep_sent else _without_sent(batch, pa.array(map(bool, broken), pa.bool_()))
        return with_columns(kept, _JUDGED, [*(parsed[column.name] for column in _KEPT), broken])


def _without_sent(batch: pa.RecordBatch, is_rejected: pa.BooleanArray) -> pa.RecordBatch:
    for name in _SENT:
        column = batch.column(name)
        sent = pc.if_else(is_rejected, column, pa.scalar(None, column.type))
        batch = batch.set_column(batch.schema.get_field_index(name), batch.schema.field(name), sent)
    return batch
