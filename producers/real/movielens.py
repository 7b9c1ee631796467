"""Real ratings in MovieLens' layout, as movie, user and feedback records."""

import hashlib
import math
import re
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

from lakehouse.errors import InputError
from lakehouse.text import cleaned
from producers.made_up.lexicon import names
from producers.real.catalogue import EARLY, Catalogue, Features, is_early
from producers.real.layouts import CsvRow, first_of, read_rows, shown, where
from producers.real.matching import FilmIndex, display_title
from producers.real.tastes import Judged, derive
from producers.sending.records import (
    Record,
    as_datetime,
    decade_of,
    encode,
    event_micros,
    isoformat,
    isoformat_micros,
    milliseconds,
)

MOVIE_COLUMNS = ("movieId", "title", "genres")
RATING_COLUMNS = ("userId", "movieId", "rating", "timestamp")

_YEAR_SUFFIX = re.compile(r"(.*?)\s*\((\d{4})\)\s*", re.DOTALL)
_NO_GENRES = "(no genres listed)"
_LEAST_STARS, _MOST_STARS = 0.5, 5.0
_TIMES = (
    "expected ISO 8601 (2005-04-02T21:32:00Z; without a zone it is UTC), or seconds or milliseconds since 1970"
)


class Rating(NamedTuple):
    """One row of ratings.csv; `stars` is None if they cannot be read, the time is in microseconds."""

    user: str
    movie: str
    stars: float | None
    instant_us: int
    row: CsvRow

    @property
    def identity(self) -> str:
        return f"rating-{self.user}-{self.movie}"

    @property
    def instant_ms(self) -> int:
        return self.instant_us // 1000


class Library(NamedTuple):
    """Records of the movies that the catalogue lacks, and each movieId's id on the wire and features."""

    movies: list[Record]
    identities: dict[str, str]
    features: dict[str, Features]
    matched: int


def require_folder(folder: Path) -> None:
    try:
        is_folder = folder.is_dir()
    except OSError as error:
        raise InputError(
            f"cannot read {folder}: {error.strerror}", todo="name a folder that this user can read"
        ) from error
    if not is_folder:
        raise InputError(f"no folder {folder}", todo="expected one with MovieLens' movies.csv and ratings.csv")


def read_ratings(path: Path, unmapped: Counter[str]) -> list[Rating]:
    """All ratings; those with unreadable stars are counted, and published as they are.

    Raises InputError if a time cannot be read: ratings without times have no order.
    """
    ratings = []
    untimed: list[CsvRow] = []
    seen: set[str] = set()
    for row in read_rows(path, RATING_COLUMNS):
        instant = event_micros(row["timestamp"])
        if instant is None:
            untimed.append(row)
            continue
        rating = Rating(row.stored("userId"), row.stored("movieId"), _stars(row["rating"]), instant, row)
        _count_oddities(rating, unmapped)
        unmapped["repeated ratings of a movie by the same user: silver keeps the latest"] += (
            rating.identity in seen
        )
        seen.add(rating.identity)
        ratings.append(rating)
    if untimed:
        raise _untimed(path, untimed)
    return ratings


def _count_oddities(rating: Rating, unmapped: Counter[str]) -> None:
    """Count what is published as it is, for silver to judge."""
    stars = rating.stars
    is_beyond = stars is not None and not _LEAST_STARS <= stars <= _MOST_STARS
    unmapped["ratings without a readable number of stars: silver quarantines them"] += stars is None
    unmapped[f"ratings outside {_LEAST_STARS} to {_MOST_STARS}: silver quarantines them"] += is_beyond
    unmapped["ratings without a userId or movieId: silver quarantines them"] += not (rating.user and rating.movie)


def _untimed(path: Path, rows: list[CsvRow]) -> InputError:
    first = rows[0]
    return InputError(
        f"{path}: column timestamp of the row{where(path, first.line)}: {shown(first['timestamp'])} is not a time "
        f"that silver reads{first_of(len(rows))}",
        todo=_TIMES,
    )


def read_library(path: Path, ratings: list[Rating], catalogue: Catalogue, unmapped: Counter[str]) -> Library:
    """The movies of movies.csv; one that is also in the catalogue becomes that title, without its own record."""
    index = FilmIndex(list(catalogue.films.values()))
    first_rated = _first_rated(ratings)
    library = Library([], {}, dict(catalogue.features), 0)
    taken: Counter[str] = Counter()
    for row in read_rows(path, MOVIE_COLUMNS):
        movie = row.stored("movieId")
        title, year = _split_year(row.stored("title"))
        genres = _genres(row["genres"])
        unmapped["MovieLens movies without a movieId: silver quarantines them"] += not movie
        unmapped["MovieLens movies without a title: silver quarantines them"] += not title
        unmapped["MovieLens movies that repeat a movieId: silver keeps the latest"] += movie in library.identities
        unmapped["MovieLens movies without a year: no decade, not matched with a catalogue title"] += year is None
        unmapped["MovieLens movies without genres"] += not genres
        match = None if year is None else index.find(title, year)
        decade = None if year is None else decade_of(year)
        if match is None:
            identity = f"movie-{movie}" if movie else ""
            instant = _announced(year, first_rated.get(movie, first_rated.get("")))
            unmapped[EARLY] += is_early(year)
            library.movies.append(_movie(identity, title, genres, decade, instant))
            features = Features(genres, decade=decade)
        else:
            identity = match.identity
            taken[identity] += 1
            unmapped["MovieLens movies with several catalogue titles: the first is used"] += match.candidates > 1
            # a matched title has the genres of both
            known = catalogue.features[identity]
            features = known._replace(genres=known.genres + genres)
        if movie:
            library.identities[movie], library.features[movie] = identity, features
    unmapped["MovieLens movies that share their catalogue title with another one"] += sum(
        count - 1 for count in taken.values()
    )
    return library._replace(matched=sum(taken.values()))


def feedback_records(ratings: list[Rating], library: Library, unmapped: Counter[str]) -> list[Record]:
    """One rating event per row, at its real time."""
    records = []
    for rating in ratings:
        known = library.identities.get(rating.movie)
        unmapped["ratings of movies that movies.csv lacks: published anyway"] += known is None
        fields = {
            "id": rating.identity,
            "type": "feedback",
            "timestamp": isoformat_micros(rating.instant_us),
            "user_id": f"user-{rating.user}" if rating.user else None,
            "content_id": known or (f"movie-{rating.movie}" if rating.movie else None),
            "action": "rating",
            "rating": rating.row["rating"] if rating.stars is None else rating.stars,
        }
        records.append(Record(rating.identity.encode(), encode(fields), rating.instant_ms))
    return records


def user_records(ratings: list[Rating], library: Library, unmapped: Counter[str]) -> list[Record]:
    """One user per userId, in the order of their first rows, with tastes derived from their ratings."""
    by_user: dict[str, list[Rating]] = {}
    for rating in ratings:
        by_user.setdefault(rating.user, []).append(rating)
    return [_user(user, rated, library, unmapped) for user, rated in by_user.items() if user]


def _user(user: str, rated: list[Rating], library: Library, unmapped: Counter[str]) -> Record:
    taste = derive(
        [
            Judged(rating.stars, library.features[rating.movie])
            for rating in rated
            if rating.stars is not None and rating.movie in library.features
        ]
    )
    unmapped["MovieLens users whose ratings show no preference"] += not any(taste)
    times = [rating.instant_us for rating in rated]
    identity = f"user-{user}"
    draw = int.from_bytes(hashlib.blake2b(identity.encode(), digest_size=8).digest(), "big")
    fields = {
        "id": identity,
        "type": "user",
        "timestamp": isoformat_micros(max(times)),
        "nombre_usuario": names(0).person(draw),
        "fecha_suscripcion": as_datetime(min(times) // 1000).date().isoformat(),
        "generos": taste.genres,
        "directores": taste.directors,
        "actores": taste.actors,
        "clasificacion": None,
        "decadas_favoritas": taste.decades,
    }
    return Record(identity.encode(), encode(fields), max(times) // 1000)


def _movie(identity: str, title: str, genres: tuple[str, ...], decade: str | None, instant: int) -> Record:
    fields = {
        "id": identity or None,
        "type": "movie",
        "timestamp": isoformat(instant),
        "titulo": display_title(title) or None,
        "generos": list(genres),
        "directores": [],
        "actores": [],
        "clasificacion": None,
        "decada_lanzamiento": decade,
    }
    return Record(identity.encode() or None, encode(fields), instant)


def _first_rated(ratings: list[Rating]) -> dict[str, int]:
    """When each movie was first rated; under "" the first rating of all."""
    first: dict[str, int] = {}
    for rating in ratings:
        for movie in (rating.movie, ""):
            first[movie] = min(first.get(movie, rating.instant_ms), rating.instant_ms)
    return first


def _announced(year: int | None, rated: int | None) -> int:
    """A movie's event time, which MovieLens lacks: its first rating, or the start of its year if later."""
    released = 0 if year is None or year < 1970 else milliseconds(datetime(year, 1, 1, tzinfo=UTC))
    return max(released, rated or 0)


def _split_year(title: str) -> tuple[str, int | None]:
    dated = _YEAR_SUFFIX.fullmatch(title)
    return (title, None) if dated is None or dated[2] == "0000" else (dated[1], int(dated[2]))


def _genres(text: str) -> tuple[str, ...]:
    return tuple(genre for genre in text.split("|") if genre.strip() and genre != _NO_GENRES)


def _stars(text: str) -> float | None:
    number = cleaned(text) or ""
    try:
        stars = float(number)
    except ValueError:
        return None
    # Python also accepts 4_5
    return stars if math.isfinite(stars) and "_" not in number else None
