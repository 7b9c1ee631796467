"""The recommendation lists that can be searched on the page."""

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from lakehouse.tables import GOLD_RECOMMENDATIONS, SILVER_CONTENT, SILVER_FEEDBACK, SILVER_USERS
from operations.report.contents import Recommendation, Recommendations, UserList
from operations.report.snapshot import Snapshot
from operations.report.titles import title_names


def read_lists(snapshot: Snapshot, *, users: int) -> Recommendations | None:
    """The lists of the `users` users with the most feedback. None if nobody has one."""
    published = snapshot.rows(GOLD_RECOMMENDATIONS)
    if published is None:
        return None
    total = published.agg(F.count_distinct("user_id")).collect()[0][0]
    if not total:
        return None
    rows = named(snapshot, most_active(published, snapshot.rows(SILVER_FEEDBACK), users=users)).collect()
    titles: dict[str, int] = {}
    names: list[str] = []
    lists: dict[str, UserList] = {}
    for row in rows:
        if row["content_id"] not in titles:
            titles[row["content_id"]] = len(names)
            names.append(row["titulo"] or row["content_id"])
        title = Recommendation(titles[row["content_id"]], row["predicted_rating"], row["source"])
        own = lists.get(row["user_id"]) or UserList(row["user_id"], row["nombre_usuario"] or "", ())
        lists[row["user_id"]] = own._replace(titles=(*own.titles, title))
    return Recommendations(total, tuple(names), tuple(lists.values()))


def most_active(published: DataFrame, feedback: DataFrame | None, *, users: int) -> DataFrame:
    """The published rows of this many users: those with the most feedback first, then by id."""
    chosen = published.select("user_id").distinct()
    events = F.lit(0)
    if feedback is not None:
        counted = feedback.groupBy("user_id").agg(F.count("*").alias("events"))
        chosen = chosen.join(counted, on="user_id", how="left")
        events = F.coalesce("events", events)
    chosen = chosen.orderBy(F.desc(events), "user_id").limit(users).select("user_id")
    return published.join(chosen, on="user_id", how="left_semi")


def named(snapshot: Snapshot, published: DataFrame) -> DataFrame:
    """The rows by user and rank, with the names of users and titles; null if silver has none."""
    users, content = snapshot.rows(SILVER_USERS), snapshot.rows(SILVER_CONTENT)
    nothing = F.lit(None).cast("string")
    rows = published.withColumn("nombre_usuario", nothing) if users is None else _with_users(published, users)
    if content is None:
        rows = rows.withColumn("titulo", nothing)
    else:
        rows = rows.join(title_names(content), on="content_id", how="left")
    columns = ("user_id", "nombre_usuario", "content_id", "titulo", "predicted_rating", "source")
    return rows.orderBy("user_id", "rank").select(*columns)


def _with_users(published: DataFrame, users: DataFrame) -> DataFrame:
    names = users.groupBy(F.col("id").alias("user_id")).agg(F.max("nombre_usuario").alias("nombre_usuario"))
    return published.join(names, on="user_id", how="left")
