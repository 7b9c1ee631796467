"""A real catalogue in the layout of netflix_titles.csv, as movie and series records."""

import re
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

from producers.real.layouts import CsvRow, read_rows
from producers.real.matching import Film
from producers.sending.records import (
    Fields,
    Record,
    as_datetime,
    decade_of,
    encode,
    event_micros,
    isoformat,
    milliseconds,
)

COLUMNS = (
    "show_id",
    "type",
    "title",
    "director",
    "cast",
    "country",
    "date_added",
    "release_year",
    "rating",
    "duration",
    "listed_in",
    "description",
)
_TYPES = {"movie": "movie", "tv show": "series", "series": "series"}
# Python's own English month names: no locale setting changes them.
_DATES = ("%B %d, %Y", "%Y-%m-%d")
_YEAR = re.compile(r"\d{4}")
_SEASONS = re.compile(r"(\d{1,10}) seasons?", re.IGNORECASE)
_LENGTH = r"\d+\s*(?:hours?|horas?|hrs?|h|minutes?|minutos?|mins?|m|seconds?|segundos?|secs?|s)\.?"
_PARTS = r"\d+\s*(?:seasons?|temporadas?|episodes?|episodios?|eps?|parts?|partes?|volumes?|volúmenes)\.?"
_MOVIE_DURATION = re.compile(rf"{_LENGTH}(?:\s*{_LENGTH})*", re.IGNORECASE)
_DURATION = re.compile(rf"(?:{_LENGTH}|{_PARTS})(?:[\s,]*(?:{_LENGTH}|{_PARTS}))*", re.IGNORECASE)
# Shorter digit strings are a year or a day (2021, 20210925), not seconds since 1970.
_EPOCH_DIGITS = 9
# Not at the comma of "Sammy Davis, Jr."
_LIST = re.compile(r",(?!\s*(?:Jr|Sr)\b\.?)")

# The first year of a decade that silver accepts, and its largest number.
_FIRST_YEAR, _LARGEST_INT = 1870, 2**31 - 1
EARLY = f"movies from before {_FIRST_YEAR}: silver quarantines them"

# Columns without a field in the wire format.
_WITHOUT_FIELD = ("country", "description")


class Features(NamedTuple):
    """The features of a title that users may like."""

    genres: tuple[str, ...]
    directors: tuple[str, ...] = ()
    actors: tuple[str, ...] = ()
    decade: str | None = None


class Catalogue(NamedTuple):
    """Records of both kinds, what replayed ratings need to know about the films, and values with their rows.

    `types` has the values that are neither movie nor series, `classifications` those that are not durations.
    """

    movies: list[Record]
    series: list[Record]
    films: dict[str, Film]
    features: dict[str, Features]
    types: Counter[str]
    classifications: Counter[str]


def empty() -> Catalogue:
    return Catalogue([], [], {}, {}, Counter(), Counter())


def read_catalogue(path: Path, unmapped: Counter[str]) -> Catalogue:
    """One record per row of the file; values that are unreadable or have no field are counted in `unmapped`."""
    catalogue = empty()
    seen: set[str] = set()
    for row in read_rows(path, COLUMNS):
        identity, stored = row["show_id"], row.stored("show_id")
        unmapped["catalogue rows that repeat a show_id: silver keeps the latest"] += stored in seen
        if stored:
            seen.add(stored)
        fields, instant = _fields(row, unmapped)
        _count_values(catalogue, row)
        record = Record(identity.encode() if identity.strip() else None, encode(fields), instant or 0)
        (catalogue.series if fields["type"] == "series" else catalogue.movies).append(record)
        if fields["type"] == "movie" and stored and row.stored("title"):
            _remember(catalogue, row, fields)
    return catalogue


def _remember(catalogue: Catalogue, row: CsvRow, fields: Fields) -> None:
    identity, decade = row["show_id"], fields["decada_lanzamiento"]
    people = tuple(fields["directores"]), tuple(fields["actores"])
    catalogue.features[identity] = Features(tuple(fields["generos"]), *people, decade)
    if decade is not None:
        year = int(row.stored("release_year"))
        catalogue.films[row.stored("show_id")] = Film(identity, row["title"], year)


def _fields(row: CsvRow, unmapped: Counter[str]) -> tuple[Fields, int | None]:
    """The event of one row, and its time."""
    kind = _TYPES.get(row.stored("type").lower())
    year = _year(row, unmapped)
    instant = _instant(row, year, unmapped)
    _count_oddities(row, kind, unmapped)
    fields: Fields = {
        "id": row["show_id"],
        "type": kind or row["type"] or None,
        "timestamp": None if instant is None else isoformat(instant),
        "titulo": row["title"] if row["title"].strip() else None,
        "generos": listed(row["listed_in"]),
        "directores": listed(row["director"]),
        "actores": listed(row["cast"]),
        "clasificacion": row["rating"].strip() or None,
    }
    if kind == "series":
        fields["numero_temporadas"] = _seasons(row, unmapped)
        fields["numero_episodios"] = None
        unmapped["release years of series (no field in the wire format)"] += year is not None
    else:
        fields["decada_lanzamiento"] = None if year is None else decade_of(year)
        if kind is not None and year is not None and instant is not None:
            _count_decades(year, as_datetime(instant).year, unmapped)
        duration = row.stored("duration")
        unmapped["durations of movies (no field in the wire format)"] += bool(duration)
        misplaced = bool(duration) and _MOVIE_DURATION.fullmatch(duration) is None
        unmapped["durations of movies that are not minutes, perhaps from another column"] += misplaced
    return fields, instant


def is_early(year: int | None) -> bool:
    return year is not None and year < _FIRST_YEAR


def _count_decades(year: int, added: int, unmapped: Counter[str]) -> None:
    """Count release years whose decade silver does not accept: too early, or after that of the event."""
    unmapped[EARLY] += is_early(year)
    is_later = year // 10 > added // 10
    unmapped["movies added before the decade of their release_year: silver quarantines them"] += is_later


def listed(text: str) -> list[str]:
    """The items of a comma-separated cell."""
    return [item.strip() for item in _LIST.split(text) if item.strip()]


def _count_oddities(row: CsvRow, kind: str | None, unmapped: Counter[str]) -> None:
    """Count rows that are published as they are, for silver to judge, and cells without a field."""
    unmapped["catalogue rows without a show_id: silver quarantines them"] += not row.stored("show_id")
    unmapped["catalogue rows without a title: silver quarantines them"] += not row.stored("title")
    unmapped["catalogue rows of an unknown type: silver quarantines them"] += kind is None
    unmapped["catalogue ratings that are durations: silver quarantines them"] += _is_duration(row.stored("rating"))
    for column in _WITHOUT_FIELD:
        unmapped[f"cells of the column {column} (no field in the wire format)"] += bool(row.stored(column))


def _count_values(catalogue: Catalogue, row: CsvRow) -> None:
    """Count the values of the two columns for which silver has a list; blanks are ignored."""
    kind, rating = row.stored("type"), row.stored("rating")
    if kind and kind.lower() not in _TYPES:
        catalogue.types[kind] += 1
    if rating and not _is_duration(rating):
        catalogue.classifications[rating] += 1


def _is_duration(text: str) -> bool:
    return _DURATION.fullmatch(text) is not None


def _year(row: CsvRow, unmapped: Counter[str]) -> int | None:
    text = row.stored("release_year")
    if _YEAR.fullmatch(text) and int(text) > 0:
        return int(text)
    unmapped["catalogue rows without a readable release_year: no decade"] += 1
    return None


def _instant(row: CsvRow, year: int | None, unmapped: Counter[str]) -> int | None:
    """The day it was added, or else the first day of its year, but not before 1970, the earliest event time."""
    text = row.stored("date_added")
    added = _added(text)
    if added is not None:
        return added
    if year is None:
        unmapped["catalogue rows without any date: silver quarantines them"] += 1
        return None
    state = "with an unreadable" if text else "without a"
    unmapped[f"catalogue rows {state} date_added: dated by their release_year"] += 1
    return max(milliseconds(datetime(year, 1, 1, tzinfo=UTC)), 0)


def _added(text: str) -> int | None:
    """`September 25, 2021`, `2021-09-25`, or a time in any format that silver reads; from 1970 on."""
    for layout in _DATES:
        try:
            day = datetime.strptime(text, layout).replace(tzinfo=UTC)
        except ValueError:
            continue
        return milliseconds(day) if day.year >= 1970 else None
    micros = event_micros(text) if len(text.partition(".")[0]) >= _EPOCH_DIGITS else None
    return None if micros is None else micros // 1000


def _seasons(row: CsvRow, unmapped: Counter[str]) -> int | None:
    text = row.stored("duration")
    seasons = _SEASONS.fullmatch(text)
    number = int(seasons[1]) if seasons is not None else 0
    if 1 <= number <= _LARGEST_INT:
        return number
    state = "an unreadable" if text else "no"
    unmapped[f"series with {state} duration: no number of seasons"] += 1
    return None
