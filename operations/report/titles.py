"""The names of titles."""

from pyspark.sql import DataFrame
from pyspark.sql import functions as F


def title_names(content: DataFrame) -> DataFrame:
    """One row per title: content_id, titulo, type. A duplicate id multiplies nobody's rows."""
    named = content.groupBy(F.col("id").alias("content_id")).agg(F.max(F.struct("titulo", "type")).alias("name"))
    return named.select("content_id", "name.titulo", "name.type")
