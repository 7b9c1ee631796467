"""What each group of users watches: the share of its events that go to titles of each genre."""

from collections import defaultdict

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from lakehouse.tables import SILVER_CONTENT, SILVER_FEEDBACK, SILVER_USERS
from operations.report.contents import Group, Grouping
from operations.report.snapshot import Snapshot

GROUPINGS = ("clasificacion", "decada", "suscripcion")

# A group's events and users by genre; those under None are the group's own.
ByGenre = dict[str | None, tuple[int, int]]


def read_genres(snapshot: Snapshot, *, genres: int, groups: int) -> tuple[Grouping, ...]:
    """The groupings with at least two groups; empty if there is no feedback."""
    users, content = snapshot.rows(SILVER_USERS), snapshot.rows(SILVER_CONTENT)
    feedback = snapshot.rows(SILVER_FEEDBACK)
    if users is None or content is None or feedback is None:
        return ()
    counted: dict[str, dict[str | None, ByGenre]] = defaultdict(lambda: defaultdict(dict))
    for row in count_genres(users, content, feedback).collect():
        counted[row["grouping"]][row["group"]][row["genre"]] = (row["events"], row["users"])
    found = (_grouping(name, counted[name], genres=genres, groups=groups) for name in GROUPINGS if name in counted)
    return tuple(grouping for grouping in found if len(grouping.groups) > 1 and grouping.genres)


def count_genres(users: DataFrame, content: DataFrame, feedback: DataFrame) -> DataFrame:
    """One row per grouping, group and genre: `events` and `users`. Rows without a genre are the group's totals.

    Counts feedback other than dislikes. A user with several favourite decades is in the group of each, and an
    event counts for each genre of its title.
    """
    year = F.year("fecha_suscripcion").cast("string")
    labels = (F.array("clasificacion"), F.col("decadas_favoritas"), F.array(year))
    grouped = [_grouped(name, own) for name, own in zip(GROUPINGS, labels, strict=True)]
    memberships = users.select(
        F.col("id").alias("user_id"), F.explode(F.flatten(F.array(*grouped))).alias("of")
    ).distinct()
    no_genre = F.array(F.lit(None).cast("string"))
    titles = content.groupBy(F.col("id").alias("content_id")).agg(
        F.concat(no_genre, F.array_distinct(F.max("generos"))).alias("genres")
    )
    events = feedback.where(F.col("action") != "dislike").select("user_id", "content_id")
    placed = events.join(titles, on="content_id", how="inner").join(memberships, on="user_id", how="inner")
    rows = placed.select("user_id", F.col("of.*"), F.explode("genres").alias("genre"))
    return rows.groupBy("grouping", "group", "genre").agg(
        F.count("*").alias("events"), F.count_distinct("user_id").alias("users")
    )


def _grouped(name: str, labels: Column) -> Column:
    """A user's groups in one grouping; users about whom nothing is known are in the group without a name."""
    known = F.when(F.size(labels) > 0, labels).otherwise(F.array(F.lit(None).cast("string")))
    return F.transform(known, lambda label: F.struct(F.lit(name).alias("grouping"), label.alias("group")))


def _grouping(name: str, counted: dict[str | None, ByGenre], *, genres: int, groups: int) -> Grouping:
    """The groups with the most users, in the order of their labels, over the genres with the most events."""
    totals: dict[str, int] = defaultdict(int)
    for by_genre in counted.values():
        for genre, (events, _) in by_genre.items():
            if genre is not None:
                totals[genre] += events
    columns = tuple(sorted(totals, key=lambda genre: (-totals[genre], genre))[:genres])
    largest = sorted(counted, key=lambda label: (-counted[label][None][1], label or ""))[:groups]
    shown = [
        _group(label, counted[label], columns)
        for label in sorted(largest, key=lambda label: (label is None, label or ""))
    ]
    return Grouping(name, columns, tuple(shown), len(counted) - len(shown))


def _group(label: str | None, by_genre: ByGenre, genres: tuple[str, ...]) -> Group:
    events, users = by_genre[None]
    return Group(label, users, events, tuple(by_genre.get(genre, (0, 0))[0] / events for genre in genres))
