"""A lakehouse of three users, six titles and a saved model, written without Spark."""

import datetime as dt

import pyarrow as pa

from lakehouse.tables import GOLD_MODELS, GOLD_RECOMMENDATIONS, SILVER_CONTENT, SILVER_FEEDBACK, SILVER_USERS
from tests.support.delta_tables import write_model, write_rows

NOON = dt.datetime(2026, 3, 1, 12, tzinfo=dt.UTC)
SOURCE = (NOON, NOON, "topic", 0, 0)
MODEL = "als-1"

Title = tuple[str, str, list[str], list[str], str | None]
# id, name, genres, actors, decade
TITLES: list[Title] = [
    ("007", "Agent", ["Action"], ["Sean"], "1960s"),  # ids are text: this is not title 7
    ("7", "Lucky", ["Comedy"], ["Ann"], "1990s"),
    ("t1", "Spy", ["Action", "Comedy"], ["Sean"], "1990s"),
    ("t2", "Tears", ["Drama"], ["Bob"], "2000s"),
    ("t3", "More tears", ["Drama"], ["Bob"], "2000s"),
    ("t4", "[bold]Alone[/bold]", ["Silent"], [], None),  # shares nothing with any title, and is not markup
]


# As Spark saves them: floats, whose cosines are to be shown as rounded doubles.
FACTORS = pa.schema({"content_id": pa.string(), "factors": pa.list_(pa.float32())})


def make_lists(root: str) -> None:
    users = [
        ("007", "Bond", None, ["Action"], [], ["Sean"], None, ["1990s"], *SOURCE),
        ("u8", "Blank", None, [], [], [], None, [], *SOURCE),
        ("u9", "New", None, ["Drama"], [], [], None, [], *SOURCE),  # added after the lists were made
    ]
    content = [
        (content_id, "movie", name, genres, [], actors, None, decade, None, None, *SOURCE)
        for content_id, name, genres, actors, decade in TITLES
    ]
    feedback = [
        ("f1", "007", "007", "rating", 4.5, None, *SOURCE),
        ("f2", "007", "t2", "like", None, None, *SOURCE),
        ("f3", "007", "7", "dislike", None, None, *SOURCE),
        ("f4", "u9", "t4", "like", None, None, *SOURCE),  # another user's
    ]
    places = [
        ("007", "t1", 1, 4.5, "als", MODEL),
        ("007", "t3", 2, 4.0, "affinity", MODEL),
        ("007", "t4", 3, 3.0, "als", MODEL),
        ("u8", "t2", 1, 3.5, "popularity", MODEL),
    ]
    write_rows(root, SILVER_USERS, users)
    write_rows(root, SILVER_CONTENT, content)
    write_rows(root, SILVER_FEEDBACK, feedback)
    write_rows(root, GOLD_RECOMMENDATIONS, places)
    factors = [
        ("t1", [1.0, 0.0]),
        ("007", [0.6, 0.8]),
        ("t2", [2.0, 0.0]),  # longer, in t1's direction
        ("t4", [-1.0, 0.0]),  # opposite to the liked ones
        ("gone", [1.0, 0.0]),  # silver no longer has it
    ]
    saved = pa.table(
        {"content_id": [title for title, _ in factors], "factors": [vector for _, vector in factors]}, FACTORS
    )
    write_model(root, MODEL, {"item_factors": saved})
    published = (MODEL, NOON, {}, {}, {}, "published", NOON, "the first model")
    write_rows(root, GOLD_MODELS, [("als-0", NOON, {}, {}, {}, "retired", NOON, "replaced"), published])
