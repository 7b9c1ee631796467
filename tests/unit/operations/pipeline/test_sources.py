"""`lakehouse demo` reads its files first: a wrong file is one line, before a broker or Spark starts."""

import io
from pathlib import Path

import pytest

from lakehouse import sent
from lakehouse.settings import Settings, load_settings
from operations import cli
from operations.pipeline import sources
from producers.real.catalogue import COLUMNS

MOVIES = "movieId,title,genres\n1,A (1999),Drama\n"
RATINGS = "userId,movieId,rating,timestamp\n7,1,4.0,2005-04-02 21:32:00\n"


@pytest.fixture
def ratings(tmp_path: Path) -> Path:
    (tmp_path / "movies.csv").write_text(MOVIES, encoding="utf-8")
    (tmp_path / "ratings.csv").write_text(RATINGS, encoding="utf-8")
    return tmp_path


def settings(folder: Path) -> Settings:
    return load_settings().model_copy(update={"root": str(folder / "root")})


def test_ratings_alone_are_a_source(ratings: Path) -> None:
    source = sources.choose(settings(ratings), catalogue=None, ratings=ratings)
    assert set(source.identity) == {"movies", "ratings"}
    assert [(part.name, len(list(part.records))) for part in source.parts] == [
        ("movies", 1),
        ("users", 1),
        ("feedback", 1),
    ]
    assert "silver.content.generos" in source.columns
    assert "silver.content.clasificacion" not in source.columns
    assert not [line for line in source.findings if "matched" in line]  # matched with what?


def test_a_catalogue_of_the_same_file_name_counts_too(ratings: Path) -> None:
    """Otherwise another catalogue would be taken for the one that is already published."""
    folder = ratings / "other"
    folder.mkdir()
    identities = []
    for title in ("One", "Two"):
        cells = {"show_id": "s1", "type": "Movie", "title": title, "release_year": "2019"}
        text = ",".join(COLUMNS) + "\n" + ",".join(cells.get(column, "") for column in COLUMNS)
        (folder / "movies.csv").write_text(text, encoding="utf-8")
        source = sources.choose(settings(ratings), catalogue=folder / "movies.csv", ratings=ratings)
        identities.append(source.identity)
    assert identities[0] != identities[1]


def test_made_up_records_fill_every_column(tmp_path: Path) -> None:
    source = sources.choose(settings(tmp_path), catalogue=None, ratings=None)
    assert source.columns == sent.EVERY
    assert [part.name for part in source.parts] == ["users", "movies", "series", "feedback"]


def test_a_wrong_file_is_one_line_before_anything_starts(ratings: Path) -> None:
    (ratings / "ratings.csv").write_text(RATINGS.replace("2005-04-02 21:32:00", "April"), encoding="utf-8")
    out, err = io.StringIO(), io.StringIO()
    arguments = ["demo", "--ratings", str(ratings)]
    assert cli.main(arguments, settings=settings(ratings), stdout=out, stderr=err) == 2
    assert out.getvalue() == ""
    assert err.getvalue().startswith(
        f"lakehouse: {ratings}/ratings.csv: column timestamp of the row at byte 32 (line 2)"
    )
    assert err.getvalue().count("\n") == 1
    assert not (ratings / "root").exists()
