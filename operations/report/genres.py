"""What each group of users watches: the share of its events that go to titles of each genre."""

from collections import defaultdict

from lakehouse.tables import SILVER_CONTENT, SILVER_FEEDBACK, SILVER_USERS
from operations.report.contents import Grouping, UserGroup
from operations.report.pinned_tables import PinnedTables

GROUPINGS = ("clasificacion", "decada", "suscripcion")

# A group's events and users by genre; those under None are the group's own.
ByGenre = dict[str | None, tuple[int, int]]


# One row per grouping, group and genre: events and users. Rows without a genre are the group's totals. Feedback
# counts unless it is a dislike. A user with several favourite decades is in the group of each, and an event counts
# for each genre of its title. A user about whom nothing is known is in the group without a label.
_COUNTED = """
    WITH groups AS (
        SELECT id AS user_id, 'clasificacion' AS grouping, clasificacion AS label FROM users
        UNION SELECT id, 'decada', unnest(decadas_favoritas) FROM users
        UNION SELECT id, 'decada', NULL FROM users WHERE coalesce(cardinality(decadas_favoritas), 0) = 0
        UNION SELECT id, 'suscripcion', CAST(date_part('year', fecha_suscripcion) AS VARCHAR) FROM users
    ),
    placed AS (
        SELECT id, generos, row_number() OVER (PARTITION BY id ORDER BY event_timestamp DESC) AS place FROM content
    ),
    titles AS (SELECT id AS content_id, array_distinct(generos) AS genres FROM placed WHERE place = 1),
    events AS (
        SELECT user_id, genres FROM feedback JOIN titles USING (content_id) WHERE action <> 'dislike'
    ),
    of_users AS (
        SELECT user_id, genre, count(*) AS events
        FROM (SELECT user_id, unnest(genres) AS genre FROM events) GROUP BY user_id, genre
        UNION ALL SELECT user_id, NULL, count(*) FROM events GROUP BY user_id
    )
    SELECT grouping, label, genre, sum(events) AS events, count(DISTINCT user_id) AS users
    FROM of_users JOIN groups USING (user_id) GROUP BY grouping, label, genre
"""


def read_genres(snapshot: PinnedTables, *, genres: int, groups: int) -> tuple[Grouping, ...]:
    """The groupings with at least two groups; empty if there is no feedback."""
    if not snapshot.has(SILVER_USERS, SILVER_CONTENT, SILVER_FEEDBACK):
        return ()
    rows = snapshot.query(_COUNTED, users=SILVER_USERS, content=SILVER_CONTENT, feedback=SILVER_FEEDBACK)
    counted: dict[str, dict[str | None, ByGenre]] = defaultdict(lambda: defaultdict(dict))
    for row in rows:
        counted[row["grouping"]][row["label"]][row["genre"]] = (row["events"], row["users"])
    groupings = (
        _grouping(name, counted[name], genres=genres, groups=groups) for name in GROUPINGS if name in counted
    )
    return tuple(grouping for grouping in groupings if len(grouping.groups) > 1 and grouping.genres)


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


def _group(label: str | None, by_genre: ByGenre, genres: tuple[str, ...]) -> UserGroup:
    events, users = by_genre[None]
    return UserGroup(label, users, events, tuple(by_genre.get(genre, (0, 0))[0] / events for genre in genres))
