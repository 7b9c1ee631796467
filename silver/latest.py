"""Which events win: the latest of each id, compared with what silver holds and has recorded as deleted."""

from collections.abc import Callable
from typing import NamedTuple

from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F

from lakehouse.tables import SILVER_QUARANTINE
from lakehouse.tables.silver import PROVENANCE

# What identifies a Kafka record.
RECORD = SILVER_QUARANTINE.key
# Later wins; the Kafka record's own coordinates make the order total.
ORDER = tuple(column.name for column in PROVENANCE)

TOMBSTONE = "tombstones"
# The table that the events of each type go to.
TABLE_OF = {"user": "users", "movie": "content", "series": "content", "feedback": "feedback"}
# The tables that events go to and tombstones delete from.
TABLES = tuple(dict.fromkeys(TABLE_OF.values()))


def order() -> Column:
    return F.struct(*ORDER)


class MergeConditions(NamedTuple):
    """SQL of the MERGE that writes winners: source rows s have a `change` and the id of their row in table t."""

    match: str
    delete: str
    update: str
    insert: str


def merge_conditions(quoted: Callable[[str], str]) -> MergeConditions:
    """Both of silver's writers use them, each with names as its `quoted` writes them."""
    is_later = _is_later(quoted)
    return MergeConditions(
        match="t.id = s.matched_id",
        delete=f"s.change = 'replace' OR (s.change = 'delete' AND {is_later})",
        update=f"s.change = 'upsert' AND {is_later}",
        insert="s.change = 'upsert'",
    )


def _is_later(quoted: Callable[[str], str]) -> str:
    """SQL: whether source row s comes after target row t in ORDER, with names as `quoted` writes them.

    Column by column, not as structs: once Spark has cast the structs to each other, Delta's MERGE makes the
    target's columns nullable, and then refuses its own cast.
    """
    condition = "false"
    for name in map(quoted, reversed(ORDER)):
        condition = f"s.{name} > t.{name} OR (s.{name} = t.{name} AND ({condition}))"
    return f"({condition})"


def targeted(judged: DataFrame) -> DataFrame:
    """Rows with `target` (the silver table that a valid row belongs to), `entity` (the id it is about), and `row`,
    a number of its own: bronze may hold a record twice, so its coordinates do not identify a row.

    Compute this once, before any filter or join on these columns: the numbers differ on each evaluation, and from
    conditions on these cases Spark infers further conditions without end.
    """
    target = F.when(F.col("is_tombstone"), TOMBSTONE)
    for event_type, table in TABLE_OF.items():
        target = target.when(F.col("type") == event_type, table)
    target = target.otherwise("content")  # of a rejected row, which goes to none
    entity = F.when(F.col("is_tombstone"), F.col("key_id")).otherwise(F.col("id"))
    row = F.monotonically_increasing_id()
    return judged.withColumns({"target": target, "entity": entity, "id": entity, "row": row})


def one_per_record(rows: DataFrame, *order: str | Column) -> DataFrame:
    """One row per Kafka record: the first by `order`."""
    number = F.row_number().over(Window.partitionBy(*RECORD).orderBy(*order))
    return rows.withColumn("number", number).filter("number = 1").drop("number")


def decide(rows: DataFrame, stored: DataFrame) -> DataFrame:
    """The latest row of each target and entity, exactly one: its number (`row`), `moment` (`order()`), and

    `wins`: whether it changes silver (or already did, in a repeated batch);
    `is_held`: whether silver's table of that target holds the entity;
    `is_held_twice`: whether it holds it in several rows, none of them later;
    `held_in`: `is_held` for each table of events;
    `rows`: the number of given rows with that target and entity.

    `stored` has target, entity and moment of what silver holds for these entities, deletions included. An event
    wins over an older row and an older deletion. A tombstone wins over an older tombstone, unless a later event of
    the same id is known in any table.
    """
    # nothing else: all of it is shuffled once and sorted twice
    incoming = rows.select("target", "entity", "row", order().alias("moment"), F.lit(True).alias("is_incoming"))
    everything = incoming.unionByName(stored.withColumn("is_incoming", F.lit(False)), allowMissingColumns=True)
    # the wider window first: its shuffle by entity also serves the narrower ones
    per_entity, per_target = Window.partitionBy("entity"), Window.partitionBy("entity", "target")
    is_deletion = F.col("target") == TOMBSTONE
    held_in = [
        F.bool_or(~F.col("is_incoming") & (F.col("target") == name)).over(per_entity).alias(name)
        for name in TABLES
    ]
    compared = (
        everything.withColumn("deletion", F.max(F.when(is_deletion, F.col("moment"))).over(per_entity))
        .withColumn("event", F.max(F.when(~is_deletion, F.col("moment"))).over(per_entity))
        .withColumn("held_in", F.struct(*held_in))
        .withColumn("held", F.max(F.when(~F.col("is_incoming"), F.col("moment"))).over(per_target))
        .withColumn("rows", F.count_if("is_incoming").over(per_target))
        .withColumn("held_rows", F.count_if(~F.col("is_incoming")).over(per_target))
        # two rows of one record have the same moment: the row number decides
        .withColumn("latest", F.max(F.when(F.col("is_incoming"), F.struct("moment", "row"))).over(per_target))
        .filter(F.col("row") == F.col("latest.row"))
    )
    rival = F.when(is_deletion, F.col("event")).otherwise(F.col("deletion"))
    beats_held = F.col("held").isNull() | (F.col("moment") >= F.col("held"))
    beats_rival = rival.isNull() | (F.col("moment") > rival)
    judged = compared.withColumns(
        {
            "wins": beats_held & beats_rival,
            "is_held": F.col("held").isNotNull(),
            "is_held_twice": beats_held & (F.col("held_rows") > 1),
        }
    )
    return judged.drop("is_incoming", "deletion", "event", "held", "held_rows", "latest")
