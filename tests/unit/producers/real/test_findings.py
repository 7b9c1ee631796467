"""A catalogue's misplaced values, and those unknown to silver, are counted in full and shown in few lines."""

import json
from pathlib import Path

import pytest

from lakehouse.settings import load_settings
from producers.real.catalogue import COLUMNS
from producers.replay import Replay, findings_of, read_replay

SILVER = load_settings().silver
ACCEPTED = SILVER.clasificaciones
NOW_MS = 1_700_000_000_000  # 2023-11-14T22:13:20Z


def catalogue(folder: Path, *rows: dict[str, str]) -> Replay:
    """Valid titles, except for the given values."""
    lines = [",".join(COLUMNS)]
    for number, row in enumerate(rows):
        cells = {"show_id": f"s{number}", "type": "Movie", "title": "T", "release_year": "2019", **row}
        lines.append(",".join(f'"{cells.get(column, "")}"' for column in COLUMNS))
    (folder / "c.csv").write_text("\n".join(lines), encoding="utf-8")
    return read_replay(folder / "c.csv", None)


def reported(replay: Replay) -> list[str]:
    """The lines about values that silver does not know."""
    lines = findings_of(replay, SILVER, now_ms=NOW_MS)
    return [line for line in lines if not line.startswith("not mapped:")]


DURATIONS = "catalogue ratings that are durations: silver quarantines them"


@pytest.mark.parametrize(
    "rating",
    [
        *("74 min", "90min", "120 mins", "84 minutes", "1 minute", "66 MIN", " 74 min "),
        *("1 Season", "2 Seasons", "12 seasons", "3 Temporadas", "10 Episodes"),
        *("1 h 30 min", "1h 30m", "2 hours", "1 hr. 5 min.", "74\xa0min", "1 Season, 8 Episodes"),
    ],
)
def test_every_duration_among_the_ratings_is_misplaced(tmp_path: Path, rating: str) -> None:
    replay = catalogue(tmp_path, {"rating": rating}, {"rating": "PG"}, {"rating": ""})
    assert replay.unmapped[DURATIONS] == 1
    assert reported(replay) == []  # reported once, as a duration


@pytest.mark.parametrize("rating", ["13+", "16", "18", "TV-MA", "PG-13", "B15", "12A", "7 and up", "M", "S"])
def test_a_rating_is_no_duration(tmp_path: Path, rating: str) -> None:
    assert DURATIONS not in catalogue(tmp_path, {"rating": rating}).unmapped


def test_unknown_ratings_are_reported_with_their_rows_and_the_setting(tmp_path: Path) -> None:
    ratings = ["13+", "16+", "13+", "PG", "pg", "ALL_AGES", "13+", " 16+ ", ""]
    assert reported(catalogue(tmp_path, *({"rating": rating} for rating in ratings))) == [
        "unknown: 7 rows of the catalogue hold a rating that the setting silver.clasificaciones does not list, so "
        "silver quarantines them; add to the list what it should accept:",
        "  '13+': 3",
        "  '16+': 2",
        "  'ALL_AGES': 1",
        "  'pg': 1",  # case matters to silver
    ]


def test_a_thousand_unknown_ratings_are_few_lines_that_add_up(tmp_path: Path) -> None:
    rows = [{"rating": f"r{number}"} for number in range(1000)] + [{"rating": "x" * 500}] * 2
    lines = reported(catalogue(tmp_path, *rows))
    assert lines[0].startswith("unknown: 1,002 rows of the catalogue hold a rating ")
    assert lines[1] == f"  '{'x' * 40}...': 2"
    assert lines[-1] == "  991 other values: 991"
    assert len(lines) == 12


def test_accepted_ratings_are_not_reported(tmp_path: Path) -> None:
    assert reported(catalogue(tmp_path, *({"rating": rating} for rating in ACCEPTED))) == []


def test_unknown_types_are_reported_too(tmp_path: Path) -> None:
    kinds = ["Movie", "TV SHOW", "Podcast", "Short", "Short", ""]
    assert reported(catalogue(tmp_path, *({"type": kind} for kind in kinds))) == [
        "unknown: 3 rows of the catalogue hold a type that is neither Movie nor TV Show, so silver quarantines "
        "them:",
        "  'Short': 2",
        "  'Podcast': 1",
    ]


@pytest.mark.parametrize(
    ("added", "expected"),
    [
        ("2023-11-14T23:13:20Z", []),  # the latest that silver allows: an hour ahead
        (
            "2023-11-14T23:13:21Z",
            ["future: 1 records have a timestamp in the future, so silver quarantines them"],
        ),
        ("January 1, 2033", ["future: 1 records have a timestamp in the future, so silver quarantines them"]),
    ],
)
def test_future_times_are_reported(tmp_path: Path, added: str, expected: list[str]) -> None:
    assert reported(catalogue(tmp_path, {"date_added": added})) == expected


@pytest.mark.parametrize(
    ("duration", "misplaced"), [("90 min", 0), ("1 h 30 min", 0), ("", 0), ("TV-MA", 1), ("2 Seasons", 1)]
)
def test_durations_of_movies_that_are_none_are_counted(tmp_path: Path, duration: str, misplaced: int) -> None:
    unmapped = catalogue(tmp_path, {"duration": duration}).unmapped
    assert unmapped.get("durations of movies that are not minutes, perhaps from another column", 0) == misplaced


@pytest.mark.parametrize(
    ("added", "expected"),
    [
        ("September 25, 2021", 1632528000000),
        ("2021-09-25", 1632528000000),
        ("2021-09-25T00:00:00Z", 1632528000000),  # parsed like silver's times
        ("2021-09-25 02:00:00+02:00", 1632528000000),
        ("1632528000", 1632528000000),
        ("1632528000250", 1632528000250),
        # a year, or a day without dashes, is not seconds since 1970: the first day of 2019 is reported as the date
        ("2021", 1546300800000),
        ("20210925", 1546300800000),
    ],
)
def test_the_day_of_a_title_is_read(tmp_path: Path, added: str, expected: int) -> None:
    replay = catalogue(tmp_path, {"date_added": added})
    unreadable = "catalogue rows with an unreadable date_added: dated by their release_year"
    assert replay.movies[0].timestamp_ms == expected
    assert (unreadable in replay.unmapped) == (expected == 1546300800000)


@pytest.mark.parametrize("rating", ["TV-MA\u200b", "\ufeffTV-MA", "TV-\x01MA", "TV-MA\x7f"])
def test_a_rating_that_silver_accepts_once_cleaned_is_not_reported(tmp_path: Path, rating: str) -> None:
    replay = catalogue(tmp_path, {"rating": rating})
    assert reported(replay) == []
    assert json.loads(replay.movies[0].value or b"")["clasificacion"] == rating  # sent as it is


def test_ids_and_titles_are_compared_as_silver_stores_them(tmp_path: Path) -> None:
    rows = ({"show_id": identity} for identity in ("s1", "s1\u200b", "s\x011", "s2", "\u200b", "\u200b", " "))
    replay = catalogue(tmp_path, *rows, {"title": "\u200b"}, {"rating": "74 min\u200b"})
    assert replay.unmapped["catalogue rows that repeat a show_id: silver keeps the latest"] == 2
    assert replay.unmapped["catalogue rows without a show_id: silver quarantines them"] == 3
    assert replay.unmapped["catalogue rows without a title: silver quarantines them"] == 1
    assert replay.unmapped[DURATIONS] == 1
    assert [record.key for record in replay.movies[:3]] == [b"s1", "s1\u200b".encode(), b"s\x011"]


@pytest.mark.parametrize(
    ("kind", "sent"), [("movie\u200b", "movie"), ("TV Show\ufeff", "series"), ("Series", "series")]
)
def test_a_type_that_silver_accepts_once_cleaned_is_known(tmp_path: Path, kind: str, sent: str) -> None:
    replay = catalogue(tmp_path, {"type": kind})
    assert reported(replay) == []
    assert [json.loads(record.value or b"")["type"] for record in replay.records] == [sent]
