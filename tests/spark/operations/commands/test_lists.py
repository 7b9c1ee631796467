"""`lakehouse recommend` and `lakehouse similar`, on three users, six titles and a saved model."""

import datetime as dt
import json
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from pyspark.sql import SparkSession

from gold.affinity.title_index import Weights
from gold.models.files import save_model
from gold.models.registry import PUBLISHED, ModelRecord, write_records
from lakehouse.settings import Settings, load_settings
from lakehouse.spark.lakehouse import SparkLakehouse
from lakehouse.storage import overwrite
from lakehouse.tables import GOLD_RECOMMENDATIONS, SILVER_CONTENT, SILVER_FEEDBACK, SILVER_USERS
from operations.commands.similar import similar_titles
from tests.support.outcome import Command

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


@pytest.fixture(scope="module")
def lists(spark: SparkSession, tmp_path_factory: pytest.TempPathFactory) -> Settings:
    root = str(tmp_path_factory.mktemp("lists") / "lakehouse")
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
    overwrite(spark.createDataFrame(users, SILVER_USERS.schema), root, SILVER_USERS)
    overwrite(spark.createDataFrame(content, SILVER_CONTENT.schema), root, SILVER_CONTENT)
    overwrite(spark.createDataFrame(feedback, SILVER_FEEDBACK.schema), root, SILVER_FEEDBACK)
    overwrite(spark.createDataFrame(places, GOLD_RECOMMENDATIONS.schema), root, GOLD_RECOMMENDATIONS)
    factors = [
        ("t1", [1.0, 0.0]),
        ("007", [0.6, 0.8]),
        ("t2", [2.0, 0.0]),  # longer, in t1's direction
        ("t4", [-1.0, 0.0]),  # opposite to the liked ones
        ("gone", [1.0, 0.0]),  # silver no longer has it
    ]
    saved = spark.createDataFrame(factors, "content_id string, factors array<float>")
    save_model(SparkLakehouse(root, spark), MODEL, {"item_factors": saved}, {"mean": 3.0})
    write_records(
        SparkLakehouse(root, spark), [ModelRecord(MODEL, NOON, {}, {}, {}, PUBLISHED, NOON, "the first model")]
    )
    return load_settings().model_copy(update={"root": root})


@pytest.fixture
def command(command: Command, lists: Settings) -> Command:
    return partial(command, settings=lists)


def test_a_list_says_why_each_title_is_there(command: Command) -> None:
    code, out, _ = command("recommend", "007", "--json")
    found = json.loads(out)
    assert (code, found["user_id"], found["nombre_usuario"], found["model_version"]) == (0, "007", "Bond", MODEL)
    assert [(title["titulo"], title["predicted_rating"], title["reason"]) for title in found["titles"]] == [
        # to the model, t2 is more similar than 007, with which t1 shares more
        ("Spy", 4.5, "genres Action; people Sean; decade 1990s; like Tears and Agent"),
        # not a place from the model: features decide, and t3 has those of t2
        ("More tears", 4.0, "like Tears"),
        ("[bold]Alone[/bold]", 3.0, "liked by users with a similar taste"),
    ]
    assert found["titles"][0]["shared"] == {
        "generos": ["Action"],
        "personas": ["Sean"],
        "decadas": ["1990s"],
        "clasificacion": [],
    }
    assert found["titles"][0]["liked_alike"] == [
        {"content_id": "t2", "similarity": 1.0, "titulo": "Tears"},
        {"content_id": "007", "similarity": 0.6, "titulo": "Agent"},
    ]


def test_a_list_as_a_person_reads_it(command: Command) -> None:
    code, out, _ = command("recommend", "u8")
    assert code == 0
    assert "for u8 (Blank), by model als-1" in out
    assert [line.split() for line in out.splitlines() if "Tears" in line] == [
        ["1", "Tears", "3.5", "popularity", "popular"]
    ]
    assert "[bold]Alone[/bold]" in command("recommend", "007")[1]


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("recommend", "07"), "no user '07'; the nearest ids are 007, u8, u9"),
        (("recommend", "u9"), "user 'u9' has no list yet; lakehouse run --select gold makes it"),
        (("similar", "t11"), "no title 't11'; the nearest ids are t1, t2, t3"),
        (("similar", ""), "no title ''; the nearest ids are 7, t1, t2"),
    ],
)
def test_an_unknown_id_is_one_line(command: Command, arguments: tuple[str, ...], told: str) -> None:
    assert command(*arguments) == (2, "", f"lakehouse: {told}\n")


def test_neighbours_of_a_title(command: Command) -> None:
    code, out, _ = command("similar", "t1", "--json")
    found: dict[str, Any] = json.loads(out)
    assert (code, found["titulo"], found["model_version"]) == (0, "Spy", MODEL)
    assert [title["titulo"] for title in found["by_features"]] == ["Agent", "Lucky"]
    assert found["by_features"][0]["shared"]["personas"] == ["Sean"]
    assert [(title["content_id"], title["similarity"]) for title in found["by_factors"]] == [
        ("t2", 1.0),
        ("007", 0.6),
    ]
    limited = json.loads(command("similar", "t1", "--limit", "1", "--json")[1])
    assert [len(limited["by_features"]), len(limited["by_factors"])] == [1, 1]


def test_neighbours_as_a_person_reads_them(command: Command) -> None:
    out = command("similar", "007")[1]
    assert "like 007 (Agent), by what they share" in out
    assert "by who likes them, as model als-1 has learnt it" in out
    code, out, _ = command("similar", "7")  # the model has not seen it
    assert code == 0
    assert "the published model knows nothing of this title" in out


def test_without_a_saved_model_features_say_what_they_can(spark: SparkSession, tmp_path: Path) -> None:
    content = [("a", "movie", "A", ["G"], [], [], None, None, None, None, *SOURCE)]
    content.append(("b", "series", "B", ["G"], [], [], None, None, 1, 2, *SOURCE))
    overwrite(spark.createDataFrame(content, SILVER_CONTENT.schema), str(tmp_path), SILVER_CONTENT)
    found = similar_titles(spark, str(tmp_path), "a", weights=Weights(1, 1, 1, 1, 1), count=5)
    assert [(title["content_id"], title["similarity"]) for title in found["by_features"]] == [("b", 1.0)]
    assert (found["model_version"], found["by_factors"]) == (None, [])
