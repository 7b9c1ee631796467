"""The recommendation lists that can be searched on the page."""

from collections.abc import Collection
from typing import Any

from lakehouse.sql import text_in
from lakehouse.tables import GOLD_RECOMMENDATIONS, SILVER_FEEDBACK, SILVER_USERS
from operations.report.contents import Recommendation, Recommendations, UserList
from operations.report.pinned_tables import PinnedTables
from operations.report.titles import title_names


def read_lists(snapshot: PinnedTables, *, users: int) -> Recommendations | None:
    """The lists of the `users` users with the most feedback. None if nobody has one."""
    if not snapshot.has(GOLD_RECOMMENDATIONS):
        return None
    counted = "SELECT count(DISTINCT user_id) AS total FROM published"
    total = snapshot.query(counted, published=GOLD_RECOMMENDATIONS)[0]["total"]
    if not total:
        return None
    shown = most_active(snapshot, users=users)
    rows = _published(snapshot, shown)
    names, titles = _user_names(snapshot, shown), title_names(snapshot, {row["content_id"] for row in rows})
    places = {
        content_id: place for place, content_id in enumerate(dict.fromkeys(row["content_id"] for row in rows))
    }
    lists: dict[str, UserList] = {}
    for row in rows:
        title = Recommendation(places[row["content_id"]], row["predicted_rating"], row["source"])
        own = lists.get(row["user_id"]) or UserList(row["user_id"], names.get(row["user_id"], ""), ())
        lists[row["user_id"]] = own._replace(titles=(*own.titles, title))
    shown_titles = tuple(titles[content_id].name if content_id in titles else content_id for content_id in places)
    return Recommendations(total, shown_titles, tuple(lists.values()))


def most_active(snapshot: PinnedTables, *, users: int) -> list[str]:
    """This many users who have a list: those with the most feedback first, then by id."""
    listed = "SELECT DISTINCT user_id FROM published"
    if not snapshot.has(SILVER_FEEDBACK):
        rows = snapshot.query(f"{listed} ORDER BY user_id LIMIT {users}", published=GOLD_RECOMMENDATIONS)
    else:
        rows = snapshot.query(
            f"""
            WITH listed AS ({listed}),
            counted AS (SELECT user_id, count(*) AS events FROM feedback GROUP BY user_id)
            SELECT user_id FROM listed LEFT JOIN counted USING (user_id)
            ORDER BY coalesce(events, 0) DESC, user_id LIMIT {users}
            """,  # noqa: S608
            published=GOLD_RECOMMENDATIONS,
            feedback=SILVER_FEEDBACK,
        )
    return [row["user_id"] for row in rows]


def _published(snapshot: PinnedTables, user_ids: Collection[str]) -> list[dict[str, Any]]:
    """The lists of these users, by user and rank."""
    return snapshot.query(
        f"""
        SELECT user_id, content_id, predicted_rating, source FROM published
        WHERE {text_in("user_id", user_ids)} ORDER BY user_id, rank
        """,  # noqa: S608
        published=GOLD_RECOMMENDATIONS,
    )


def _user_names(snapshot: PinnedTables, user_ids: Collection[str]) -> dict[str, str]:
    """The names of these users, by id; silver may not have all of them."""
    if not snapshot.has(SILVER_USERS):
        return {}
    sql = f"SELECT id, nombre_usuario FROM users WHERE {text_in('id', user_ids)} ORDER BY id, nombre_usuario"  # noqa: S608
    return {row["id"]: row["nombre_usuario"] for row in snapshot.query(sql, users=SILVER_USERS)}
