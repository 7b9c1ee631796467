"""Fields that the wire format does not have, as silver's batches recorded them."""

from pyspark.sql import DataFrame
from pyspark.sql import functions as F
from pyspark.sql.types import ArrayType

from lakehouse.tables.silver import UNKNOWN_FIELD


def drifted_fields(batches: DataFrame) -> DataFrame:
    """One row per topic, type and field that the type does not have.

    `first_seen` is the earliest Kafka timestamp, `first_batch` the batch that saw the field first, `records` the
    number of records with it, `sample` a value from that batch. Batches written before version 0.2 record no topic
    and no type; their end time stands in for the timestamp.
    """
    # via JSON, which fills fields that an older lakehouse's column lacks with nulls
    seen = F.from_json(F.to_json("unknown_fields"), ArrayType(UNKNOWN_FIELD))
    fields = batches.select("batch_id", "finished_at", F.explode(seen).alias("seen"))
    timed = fields.select("batch_id", "seen.*", F.coalesce("seen.first_seen", "finished_at").alias("at"))
    order = F.struct("at", "batch_id")
    return (
        timed.groupBy("topic", "type", "field")
        .agg(
            F.min("at").alias("first_seen"),
            F.min("batch_id").alias("first_batch"),
            F.sum("rows").alias("records"),
            F.min_by(F.col("sample"), F.when(F.col("sample").isNotNull(), order)).alias("sample"),
        )
        .orderBy("first_seen", "topic", "type", "field")
    )
