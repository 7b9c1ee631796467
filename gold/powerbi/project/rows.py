"""The rows of the exported tables: flat, in order, times as text."""

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from gold.powerbi.project.tables import SEPARATOR, Exported
from gold.powerbi.project.tables import Column as Declared

# ISO 8601 without a zone: all times are UTC, the zone of every session.
_MOMENT = "yyyy-MM-dd'T'HH:mm:ss.SSSSSS"


def flatten(rows: DataFrame, table: Exported) -> DataFrame:
    """One row per row of the table, in key order, with arrays joined and times and dates as text."""
    ordered = rows.orderBy(*[F.col(f"`{name}`") for name in table.source.key])
    return ordered.select(*[_written(column).alias(column.name) for column in table.columns])


def _written(column: Declared) -> Column:
    value = F.col(f"`{column.name}`")
    if column.kind == "texts":
        return F.array_join(value[column.item] if column.item else value, SEPARATOR)
    if column.kind == "moment":
        return F.date_format(value, _MOMENT)
    return value.cast("string") if column.kind == "date" else value
