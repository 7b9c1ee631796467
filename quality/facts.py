"""Facts that one pass over a table's own rows cannot give: each a frame of one row and one column."""

from pyspark.sql import DataFrame, Window
from pyspark.sql import functions as F

# The number of values of a distribution counted individually, the most frequent ones; the others are one count.
MOST_VALUES = 100
OTHERS = "(others)"


def repeated_keys(rows: DataFrame, key: tuple[str, ...]) -> DataFrame:
    """The number of rows beyond the first of each key."""
    counted = rows.groupBy(*[f"`{name}`" for name in key]).count()
    return counted.agg(F.coalesce(F.sum(F.col("count") - 1), F.lit(0)).alias("repeated"))


def unknown(rows: DataFrame, column: str, ids: DataFrame) -> DataFrame:
    """The number of rows with an id that is not in `ids.id`."""
    known = ids.select(F.col("id").alias(column))
    return rows.select(column).join(known, on=column, how="left_anti").agg(F.count("*").alias("unknown"))


def counts_by_value(rows: DataFrame, values: str) -> DataFrame:
    """How often each value occurs, as a map; `values` is SQL for one value or `explode(...)` for several."""
    counted = rows.selectExpr(f"{values} AS value").filter("value IS NOT NULL").groupBy("value").count()
    place = F.row_number().over(Window.orderBy(F.desc("count"), "value"))
    text = F.when(F.col("place") <= MOST_VALUES, F.col("value").cast("string")).otherwise(OTHERS)
    named = counted.withColumn("place", place).groupBy(text.alias("value")).agg(F.sum("count").alias("count"))
    return named.agg(F.map_from_entries(F.collect_list(F.struct("value", "count"))).alias("counts"))


def users_without_list(
    users: DataFrame, titles: DataFrame, feedback: DataFrame, recommendations: DataFrame
) -> DataFrame:
    """The number of users without a recommendation although there is a title they have given no feedback on."""
    listed = recommendations.select("user_id")
    without = users.select(F.col("id").alias("user_id")).join(listed, on="user_id", how="left_anti")
    known = titles.select(F.col("id").alias("content_id")).distinct()
    own = feedback.select("user_id", "content_id").join(F.broadcast(without), on="user_id", how="left_semi")
    seen = own.distinct().join(known, on="content_id", how="left_semi").groupBy("user_id").count()
    offered = known.agg(F.count("*").alias("titles"))
    judged = without.join(seen, on="user_id", how="left").crossJoin(F.broadcast(offered))
    unserved = judged.filter(F.coalesce("count", F.lit(0)) < F.col("titles"))
    return unserved.agg(F.count("*").alias("unserved"))


def rejected_share(batches: DataFrame, *, since: object, min_rows: int) -> DataFrame:
    """The largest share of quarantined rows in a batch finished after `since`.

    `since` is when a version of the table was committed. Batches are sequential, so any batch that is not in that
    version finished later, however soon after.

    Batches below `min_rows` are counted together as one, which is ignored if it is below `min_rows` too: null if
    no batch counts.
    """
    new = batches if since is None else batches.filter(F.col("finished_at") > F.lit(since))
    own = F.when(F.col("rows_in") >= min_rows, F.concat("query_id", F.lit(" "), F.col("batch_id").cast("string")))
    whole = new.groupBy(own.alias("batch")).agg(F.sum("quarantined").alias("bad"), F.sum("rows_in").alias("all"))
    share = F.when(F.col("all") >= min_rows, F.col("bad") / F.col("all"))
    return whole.agg(F.max(share).alias("share"))


def with_places(recommendations: DataFrame) -> DataFrame:
    """The rows with `place`, the position in the user's list, and `rating_before`, the rating one place above."""
    order = Window.partitionBy("user_id").orderBy("rank", "content_id")
    placed = recommendations.withColumn("place", F.row_number().over(order))
    return placed.withColumn("rating_before", F.lag("predicted_rating").over(order))
