"""`lakehouse demo` reads its files first: a wrong file is one line, before a broker or Spark starts."""

import hashlib
import io
import os
import threading
from pathlib import Path

import pytest

from lakehouse import sent
from lakehouse.settings import load_settings
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


def chosen(catalogue: Path | None, ratings: Path | None) -> sources.DemoSource:
    settings = load_settings()
    return sources.choose_source(
        *(settings.demo, settings.kafka, settings.silver), catalogue=catalogue, ratings=ratings
    )


def catalogue_of(*titles: str) -> str:
    lines = [",".join(COLUMNS)]
    for title in titles:
        cells = {"show_id": "s1", "type": "Movie", "title": title, "release_year": "2019"}
        lines.append(",".join(cells.get(column, "") for column in COLUMNS))
    return "\n".join(lines)


def test_ratings_alone_are_a_source(ratings: Path) -> None:
    source = chosen(None, ratings)
    assert set(source.identity) == {"movies", "ratings"}
    assert [(feed.name, len(list(feed.records))) for feed in source.feeds] == [
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
        (folder / "movies.csv").write_text(catalogue_of(title), encoding="utf-8")
        source = chosen(folder / "movies.csv", ratings)
        identities.append(source.identity)
    assert identities[0] != identities[1]


def piped(folder: Path, *titles: str) -> sources.DemoSource:
    """The source of a catalogue that is read through a named pipe."""
    pipe = folder / "pipe"
    if not pipe.exists():
        os.mkfifo(pipe)
    writer = threading.Thread(target=pipe.write_text, args=(catalogue_of(*titles),))
    writer.start()
    source = chosen(pipe, None)
    writer.join()
    return source


def test_a_catalogue_through_a_pipe_is_known_by_its_records(tmp_path: Path) -> None:
    """A pipe is empty once it was read: a digest of its bytes would be the same for every catalogue."""
    first, same, other = piped(tmp_path, "One"), piped(tmp_path, "One"), piped(tmp_path, "One", "Two")
    assert first.identity == same.identity
    assert first.identity != other.identity


def test_a_plain_file_is_known_by_its_bytes(tmp_path: Path) -> None:
    """As in earlier versions, so that a demo on their roots sends nothing twice."""
    file = tmp_path / "c.csv"
    file.write_text(catalogue_of("One"), encoding="utf-8")
    source = chosen(file, None)
    assert source.identity == {"catalogue": hashlib.sha256(file.read_bytes()).hexdigest()}


def test_made_up_records_fill_every_column() -> None:
    source = chosen(None, None)
    assert source.columns == sent.EVERY
    assert [feed.name for feed in source.feeds] == ["users", "movies", "series", "feedback"]


def test_a_wrong_file_is_one_line_before_anything_starts(ratings: Path) -> None:
    (ratings / "ratings.csv").write_text(RATINGS.replace("2005-04-02 21:32:00", "April"), encoding="utf-8")
    out, err = io.StringIO(), io.StringIO()
    arguments = ["demo", "--ratings", str(ratings)]
    settings = load_settings().model_copy(update={"root": str(ratings / "root")})
    assert cli.main(arguments, settings=settings, stdout=out, stderr=err) == 2
    assert out.getvalue() == ""
    assert err.getvalue().startswith(
        f"lakehouse: {ratings}/ratings.csv: column timestamp of the row at byte 32 (line 2)"
    )
    assert err.getvalue().count("\n") == 1
    assert not (ratings / "root").exists()
