"""Which feedback a model may train on, and which it is measured on."""

from typing import NamedTuple

from pyspark.sql import DataFrame, Window
from pyspark.sql import functions as F


class TrainingSplit(NamedTuple):
    """Every event is in exactly one of the two."""

    training: DataFrame
    holdout: DataFrame


def split_by_time(feedback: DataFrame, *, share: float) -> TrainingSplit:
    """Hold out the last events of each user: `share` of them, rounded up, so at least one.

    Events with equal times are ordered by content_id, then id.
    """
    order = Window.partitionBy("user_id").orderBy("event_timestamp", "content_id", "id")
    placed = feedback.withColumn("place", F.row_number().over(order)).withColumn(
        "events", F.count("*").over(Window.partitionBy("user_id"))
    )
    # slightly less, so that 0.2 * 5 is 1 and not a little more
    held_out = F.col("place") > F.col("events") - F.ceil(F.col("events") * share - 1e-9)
    columns = feedback.columns
    return TrainingSplit(
        training=placed.where(~held_out).select(*columns), holdout=placed.where(held_out).select(*columns)
    )


def unseen(holdout: DataFrame, training: DataFrame) -> DataFrame:
    """The held-out rows whose pair is not in training: what was learnt is not measured."""
    learnt = training.select("user_id", "content_id").distinct()
    return holdout.join(learnt, on=["user_id", "content_id"], how="left_anti")
