"""A small catalogue and small ratings, defined here, become exactly these records and counts."""

import json
from pathlib import Path
from typing import Any

import pytest

from lakehouse.errors import InputError
from lakehouse.settings import load_settings
from producers.real.catalogue import COLUMNS
from producers.replay import Replay, findings_of, read_replay
from producers.sending.records import Record

HEADER = ",".join(COLUMNS) + "\n"
CATALOGUE = HEADER + (
    # all columns filled; one person with a comma in the name
    's1,Movie,The Long Road,"Ana Ruiz, Leo Paz","Mar Gil, Sammy Cruz, Jr.",Mexico,'
    '" September 5, 2020",1999,PG-13,90 min,"Dramas, Action & Adventure","one\nline break"\n'
    's2,TV Show,"La ""casa"", 2",,,,2021-01-02,2020,TV-MA,2 Seasons,TV Dramas,d\n'
    # the rating holds the duration; no date: the first day of its year
    "s3,Movie,1917,,,,,2017,74 min,,Movies,d\n"
    # a title with a zero-width and a non-breaking space survives; no duration
    's4,TV Show,\u200bRed\xa0Sea,,,,"May 1, 2019",2019,,,,d\n'
    # no title, an unknown type, no date of any kind
    's5,Movie,,,,,"May 1, 2019",2019,G,90 min,,d\n'
    's6,Podcast,Voices,,,,"May 1, 2019",2019,G,,,d\n'
    "s7,TV Show,Undated,,,,someday,,TV-G,many,,d\n"
    # no id; repeated id
    ',Movie,Nameless,,,,"May 1, 2019",2019,G,90 min,,d\n'
    's3,Movie,1917,,,,"May 1, 2021",2017,G,90 min,,d\n'
    # a series of the same name and year as a movie of the ratings
    's9,TV Show,Only Film,,,,"May 1, 2019",2005,TV-G,1 Season,,d\n'
)
MOVIES = "movieId,title,genres\n" + (
    '1,"Long Road, The (1999)",Drama|Romance\n'
    '2,"City, The (Ville, La) (2001)",Comedy\n'
    "3,Only Film (2005),(no genres listed)\n"
    "4,No Year,Comedy|Drama\n"
    "5,Old One (1955),Western\n"
)
RATINGS = "userId,movieId,rating,timestamp\n" + (
    "7,1,5.0,1262304000\n"  # 2010-01-01
    "7,2,2.0,1262390400\n"
    "7,4,2.0,1262476800\n"  # 2010-01-03
    "8,2,4.0,1230768000\n"  # 2009-01-01
    "8,99,3.5,1230768001\n"  # a movie that movies.csv lacks
    "8,5,many,1230768002\n"
    "8,4,1.0,1230768004\n"
    "8,2,4.5,1230768003\n"  # the same movie again
)


def write(folder: Path, **files: str) -> Path:
    for name, text in files.items():
        (folder / f"{name}.csv").write_text(text, encoding="utf-8")
    return folder


@pytest.fixture
def replay(tmp_path: Path) -> Replay:
    write(tmp_path, catalogue=CATALOGUE, movies=MOVIES, ratings=RATINGS)
    return read_replay(tmp_path / "catalogue.csv", tmp_path)


def events(records: list[Record]) -> dict[str, dict[str, Any]]:
    return {event["id"]: event for event in (json.loads(record.value or b"") for record in records)}


def test_a_movie_has_all_its_fields(tmp_path: Path) -> None:
    write(tmp_path, catalogue=HEADER + CATALOGUE.removeprefix(HEADER).split("s2,")[0])
    (record,) = read_replay(tmp_path / "catalogue.csv", None).movies
    assert record.key == b"s1"
    assert record.timestamp_ms == 1599264000000
    assert json.loads(record.value or b"") == {
        "id": "s1",
        "type": "movie",
        "timestamp": "2020-09-05T00:00:00.000Z",
        "titulo": "The Long Road",
        "generos": ["Dramas", "Action & Adventure"],
        "directores": ["Ana Ruiz", "Leo Paz"],
        "actores": ["Mar Gil", "Sammy Cruz, Jr."],
        "clasificacion": "PG-13",
        "decada_lanzamiento": "1990s",
    }


def test_a_series_has_seasons_and_no_decade(replay: Replay) -> None:
    series = events(replay.series)
    assert series["s2"] == {
        "id": "s2",
        "type": "series",
        "timestamp": "2021-01-02T00:00:00.000Z",
        "titulo": 'La "casa", 2',
        "generos": ["TV Dramas"],
        "directores": [],
        "actores": [],
        "clasificacion": "TV-MA",
        "numero_temporadas": 2,
        "numero_episodios": None,
    }
    assert series["s4"]["titulo"] == "\u200bRed\xa0Sea"
    assert series["s4"]["clasificacion"] is None
    assert series["s4"]["numero_temporadas"] is None


def test_odd_rows_are_published_for_silver_to_judge(replay: Replay) -> None:
    movies = events(replay.movies)
    first, second = (json.loads(record.value or b"") for record in replay.movies if record.key == b"s3")
    assert first["titulo"] == "1917"
    assert first["clasificacion"] == "74 min"
    assert first["timestamp"] == "2017-01-01T00:00:00.000Z"
    assert second["timestamp"] == "2021-05-01T00:00:00.000Z"
    assert movies["s5"]["titulo"] is None
    assert movies["s6"]["type"] == "Podcast"
    assert movies[""]["titulo"] == "Nameless"
    assert events(replay.series)["s7"]["timestamp"] is None
    assert [record.key for record in replay.movies].count(None) == 1


def test_a_movie_of_both_is_published_once_under_the_catalogues_id(replay: Replay) -> None:
    movies = events(replay.movies)
    assert replay.matched == 1
    assert "movie-1" not in movies
    assert events(replay.feedback)["rating-7-1"]["content_id"] == "s1"
    # never matched with a series
    assert movies["movie-3"]["titulo"] == "Only Film"


def test_other_movies_carry_what_movielens_knows(replay: Replay) -> None:
    movies = events(replay.movies)
    assert movies["movie-2"] == {
        "id": "movie-2",
        "type": "movie",
        "timestamp": "2009-01-01T00:00:00.000Z",  # its first rating
        "titulo": "The City (La Ville)",
        "generos": ["Comedy"],
        "directores": [],
        "actores": [],
        "clasificacion": None,
        "decada_lanzamiento": "2000s",
    }
    assert movies["movie-3"]["generos"] == []
    assert movies["movie-4"]["decada_lanzamiento"] is None
    assert movies["movie-5"]["decada_lanzamiento"] == "1950s"


def test_a_user_likes_what_they_rated_above_their_mean(replay: Replay) -> None:
    user = events(replay.users)["user-7"]
    assert user.pop("nombre_usuario").strip()
    assert user == {
        "id": "user-7",
        "type": "user",
        "timestamp": "2010-01-03T00:00:00.000Z",
        "fecha_suscripcion": "2010-01-01",
        # from movie 1 alone, 5 stars at a mean of 3; Drama is also in movie 4, with 2 stars, and falls behind
        "generos": ["Action & Adventure", "Dramas", "Romance", "Drama"],
        "directores": ["Ana Ruiz", "Leo Paz"],
        "actores": ["Mar Gil", "Sammy Cruz, Jr."],
        "clasificacion": None,
        "decadas_favoritas": ["1990s"],
    }


def test_every_rating_is_one_event_at_its_real_time(replay: Replay) -> None:
    assert len(replay.feedback) == 8
    feedback = events(replay.feedback)
    assert feedback["rating-7-2"] == {
        "id": "rating-7-2",
        "type": "feedback",
        "timestamp": "2010-01-02T00:00:00.000Z",
        "user_id": "user-7",
        "content_id": "movie-2",
        "action": "rating",
        "rating": 2.0,
    }
    assert replay.feedback[1].timestamp_ms == 1262390400000
    assert feedback["rating-8-99"]["content_id"] == "movie-99"
    assert feedback["rating-8-5"]["rating"] == "many"


def test_what_is_not_mapped_is_counted_by_reason(replay: Replay) -> None:
    assert replay.unmapped == {
        "catalogue rows that repeat a show_id: silver keeps the latest": 1,
        "catalogue rows without a show_id: silver quarantines them": 1,
        "catalogue rows without a title: silver quarantines them": 1,
        "catalogue rows of an unknown type: silver quarantines them": 1,
        "catalogue ratings that are durations: silver quarantines them": 1,
        "catalogue rows without a readable release_year: no decade": 1,
        "catalogue rows without any date: silver quarantines them": 1,
        "catalogue rows without a date_added: dated by their release_year": 1,
        "series with no duration: no number of seasons": 1,
        "series with an unreadable duration: no number of seasons": 1,
        "cells of the column country (no field in the wire format)": 1,
        "cells of the column description (no field in the wire format)": 10,
        "durations of movies (no field in the wire format)": 4,
        "release years of series (no field in the wire format)": 3,
        "ratings without a readable number of stars: silver quarantines them": 1,
        "repeated ratings of a movie by the same user: silver keeps the latest": 1,
        "ratings of movies that movies.csv lacks: published anyway": 1,
        "MovieLens movies without a year: no decade, not matched with a catalogue title": 1,
        "MovieLens movies without genres": 1,
    }
    lines = findings_of(replay, load_settings().silver, now_ms=1_700_000_000_000)
    assert lines[0] == "matched: 1 MovieLens movies are also in the catalogue"
    assert "not mapped: 1 MovieLens movies without genres" in lines


def test_two_replays_give_the_same_bytes(replay: Replay, tmp_path: Path) -> None:
    assert read_replay(tmp_path / "catalogue.csv", tmp_path) == replay


def test_equal_ratings_show_no_taste(tmp_path: Path) -> None:
    write(tmp_path, movies=MOVIES, ratings="userId,movieId,rating,timestamp\n1,1,4,10\n1,2,4,20\n")
    replay = read_replay(None, tmp_path)
    assert events(replay.users)["user-1"]["generos"] == []
    assert replay.unmapped["MovieLens users whose ratings show no preference"] == 1
    assert events(replay.movies)["movie-1"]["titulo"] == "The Long Road"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "id,name\n1,a\n",
            r"catalogue\.csv has no column show_id, type, .*; it has id, name; expected the columns",
        ),
        ("", "has no column show_id.*it has no header"),
        (HEADER.replace("cast,", ""), "has no column cast; it has"),
        (HEADER + 's1,Movie,"open\n', "is not valid CSV"),
    ],
)
def test_a_wrong_layout_is_one_line(tmp_path: Path, text: str, message: str) -> None:
    write(tmp_path, catalogue=text)
    with pytest.raises(InputError, match=message) as caught:
        read_replay(tmp_path / "catalogue.csv", None)
    assert "\n" not in str(caught.value)
    assert caught.value.exit_code == 2


def test_missing_files_and_other_encodings_are_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"no file .*nowhere\.csv; expected a CSV with show_id"):
        read_replay(tmp_path / "nowhere.csv", None)
    with pytest.raises(InputError, match=r"no folder .*ml; expected one with MovieLens' movies\.csv"):
        read_replay(None, tmp_path / "ml")
    with pytest.raises(InputError, match=r"no file .*ratings\.csv"):
        read_replay(None, tmp_path)
    (tmp_path / "latin.csv").write_bytes(HEADER.encode() + "s1,Movie,Año".encode("latin-1"))
    with pytest.raises(InputError, match="is not UTF-8 at byte"):
        read_replay(tmp_path / "latin.csv", None)


def test_ratings_are_read_as_silver_stores_them(tmp_path: Path) -> None:
    ratings = (
        "userId,movieId,rating,timestamp\n"
        "7,1,5.0\u200b,\ufeff1262304000\n"  # stars and a time that silver reads
        "7,1\u200b,4.0,1262304001\n"  # the same id to silver
        "\u200b,1,4.0,1262304002\n"  # `user-` would be a user to silver
    )
    write(tmp_path, movies=MOVIES, ratings=ratings)
    replay = read_replay(None, tmp_path)
    assert [json.loads(record.value or b"")["rating"] for record in replay.feedback] == [5.0, 4.0, 4.0]
    assert [json.loads(record.value or b"")["user_id"] for record in replay.feedback] == ["user-7", "user-7", None]
    assert len(replay.users) == 1
    assert "ratings without a readable number of stars: silver quarantines them" not in replay.unmapped
    assert replay.unmapped["repeated ratings of a movie by the same user: silver keeps the latest"] == 1
    assert replay.unmapped["ratings without a userId or movieId: silver quarantines them"] == 1

    # blanks around an id, and forms of a letter that look the same, are one id
    ratings = "userId,movieId,rating,timestamp\n e\u0301, 1,5,1262304000\n\u00e9,2 ,4,1262304001\n"
    write(tmp_path, movies=MOVIES, ratings=ratings)
    replay = read_replay(None, tmp_path)
    assert list(events(replay.users)) == ["user-\u00e9"]
    assert [event["content_id"] for event in events(replay.feedback).values()] == ["movie-1", "movie-2"]
    assert "ratings of movies that movies.csv lacks: published anyway" not in replay.unmapped


def test_what_silver_will_quarantine_is_counted_before_anything_is_sent(tmp_path: Path) -> None:
    movies = (
        "movieId,title,genres\n"
        "1,A Film (1869),Drama\n"  # a decade too early
        "2,A Film (1870),Drama\n"
        "2,The Same (1999),Drama\n"
        ",No Id (1999),Drama\n"  # `movie-` would be a movie to silver
        "4,\u200b,Drama\n"
    )
    stars = ["0.49", "0.5", "5", "5.01", "4_5", "NaN", "-1"]
    rows = "".join(f"{user},1,{given},1262304000\n" for user, given in enumerate(stars))
    write(tmp_path, movies=movies, ratings=f"userId,movieId,rating,timestamp\n{rows}")
    replay = read_replay(None, tmp_path)
    counts = {reason: count for reason, count in replay.unmapped.items() if "silver" in reason}
    assert counts == {
        "movies from before 1870: silver quarantines them": 1,
        "MovieLens movies without a movieId: silver quarantines them": 1,
        "MovieLens movies without a title: silver quarantines them": 1,
        "MovieLens movies that repeat a movieId: silver keeps the latest": 1,
        "ratings outside 0.5 to 5.0: silver quarantines them": 3,
        "ratings without a readable number of stars: silver quarantines them": 2,
    }
    assert [json.loads(record.value or b"")["id"] for record in replay.movies] == [
        *("movie-1", "movie-2", "movie-2"),
        *(None, "movie-4"),
    ]


@pytest.mark.parametrize(
    ("year", "added", "duration", "reasons"),
    [
        ("1869", "2021-01-01", "90 min", {"movies from before 1870: silver quarantines them"}),
        ("1870", "2021-01-01", "90 min", set()),
        (
            "2030",
            "2029-12-31",
            "90 min",
            {"movies added before the decade of their release_year: silver quarantines them"},
        ),
        ("2029", "2020-01-01", "90 min", set()),  # the same decade
        ("2021", "2021-01-01", "0 Seasons", {"series with an unreadable duration: no number of seasons"}),
        ("2021", "2021-01-01", "2147483647 Seasons", set()),
        ("2021", "2021-01-01", "2147483648 Seasons", {"series with an unreadable duration: no number of seasons"}),
        (
            "2021",
            "2021-01-01",
            f"{'9' * 5000} Seasons",
            {"series with an unreadable duration: no number of seasons"},
        ),
        ("1850", "2021-01-01", "1 Season", set()),  # series have no decade
    ],
)
def test_years_and_seasons_that_silver_does_not_accept(
    tmp_path: Path, year: str, added: str, duration: str, reasons: set[str]
) -> None:
    kind = "Movie" if "min" in duration else "TV Show"
    write(tmp_path, catalogue=f"{HEADER}s1,{kind},A,,,,{added},{year},PG,{duration},Drama,\n")
    replay = read_replay(tmp_path / "catalogue.csv", None)
    assert {reason for reason in replay.unmapped if "no field" not in reason} == reasons
