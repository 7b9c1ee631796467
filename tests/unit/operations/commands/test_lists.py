"""`lakehouse recommend` and `lakehouse similar`, on three users, six titles and a saved model."""

import json
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from gold.affinity.features import FeatureWeights
from lakehouse.lakehouse import Lakehouse
from lakehouse.settings import Settings, load_settings
from lakehouse.tables import SILVER_CONTENT
from operations.commands.similar import similar_titles
from tests.support.delta_tables import write_rows
from tests.support.lists import MODEL, SOURCE, make_lists
from tests.support.outcome import Command


@pytest.fixture(scope="module")
def lists(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    root = str(tmp_path_factory.mktemp("lists") / "lakehouse")
    make_lists(root)
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
    ("arguments", "message"),
    [
        (("recommend", "07"), "no user '07'; the nearest ids are 007, u8, u9"),
        (("recommend", "u9"), "user 'u9' has no list yet; lakehouse run --select gold makes it"),
        (("similar", "t11"), "no title 't11'; the nearest ids are t1, t2, t3"),
        (("similar", ""), "no title ''; the nearest ids are 7, t1, t2"),
    ],
)
def test_an_unknown_id_is_one_line(command: Command, arguments: tuple[str, ...], message: str) -> None:
    assert command(*arguments) == (2, "", f"lakehouse: {message}\n")


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
    assert "similar to 007 (Agent), by what they share" in out
    assert "by who likes them, from model als-1" in out
    code, out, _ = command("similar", "7")  # the model has not seen it
    assert code == 0
    assert "the published model does not know this title" in out


def test_without_a_saved_model_features_say_what_they_can(tmp_path: Path) -> None:
    content = [("a", "movie", "A", ["G"], [], [], None, None, None, None, *SOURCE)]
    content.append(("b", "series", "B", ["G"], [], [], None, None, 1, 2, *SOURCE))
    write_rows(str(tmp_path), SILVER_CONTENT, content)
    found = similar_titles(Lakehouse(tmp_path), "a", weights=FeatureWeights(1, 1, 1, 1, 1), count=5)
    assert [(title["content_id"], title["similarity"]) for title in found["by_features"]] == [("b", 1.0)]
    assert (found["model_version"], found["by_factors"]) == (None, [])
