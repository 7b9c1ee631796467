"""Users, movies and series as records: what the producers of those names send."""

from collections.abc import Iterator
from datetime import timedelta
from itertools import count as count_up
from itertools import islice
from typing import NamedTuple

from producers.made_up.dirt import seal
from producers.made_up.draws import BLOCK, Ints, mixed
from producers.made_up.lexicon import DECADES, GENRES, MOVIE_CLASSES, names
from producers.made_up.people import person
from producers.made_up.timeline import DEFAULT_START, catalogue_instants
from producers.made_up.titles import CLASSES, DrawnTitles, Kind, draw_titles
from producers.made_up.viewers import Viewers, draw_viewers
from producers.sending.records import Fields, Record, as_datetime, decade_of, isoformat


class TimedFields(NamedTuple):
    """An event and its time, before it is encoded (or broken)."""

    fields: Fields
    instant_ms: int


def user_id(number: int) -> str:
    return f"u{number:06d}"


def title_id(kind: Kind, number: int) -> str:
    return f"{kind[0]}{number:06d}"


def user_records(
    seed: int, count: int | None, *, dirty: float = 0.0, instants: Iterator[int] | None = None
) -> Iterator[Record]:
    """Users u000001, u000002, ...: `count` of them, endless if it is None.

    `dirty` is the share of records broken on purpose; `instants` are the event times in milliseconds.
    """
    times = instants or catalogue_instants(DEFAULT_START, count)
    events = (
        TimedFields(_user(seed, viewers, row, block * BLOCK + row + 1, instant), instant)
        for (block, row, viewers), instant in zip(_viewer_rows(seed, count), times, strict=False)
    )
    return seal(events, seed=seed, kind="user", dirty=dirty)


def movie_records(
    seed: int, count: int | None, *, dirty: float = 0.0, instants: Iterator[int] | None = None
) -> Iterator[Record]:
    """Movies m000001, m000002, ...; see user_records."""
    return _title_records(seed, "movie", count, dirty, instants)


def series_records(
    seed: int, count: int | None, *, dirty: float = 0.0, instants: Iterator[int] | None = None
) -> Iterator[Record]:
    """Series s000001, s000002, ...; see user_records."""
    return _title_records(seed, "series", count, dirty, instants)


def _title_records(
    seed: int, kind: Kind, count: int | None, dirty: float, instants: Iterator[int] | None
) -> Iterator[Record]:
    times = instants or catalogue_instants(DEFAULT_START, count)
    events = (
        TimedFields(_title(seed, kind, titles, row, block * BLOCK + row + 1, instant), instant)
        for (block, row, titles), instant in zip(_title_rows(seed, kind, count), times, strict=False)
    )
    return seal(events, seed=seed, kind=kind, dirty=dirty)


def _viewer_rows(seed: int, count: int | None) -> Iterator[tuple[int, int, Viewers]]:
    blocks = ((block, draw_viewers(seed, block)) for block in count_up())
    return islice(((block, row, viewers) for block, viewers in blocks for row in range(BLOCK)), count)


def _title_rows(seed: int, kind: Kind, count: int | None) -> Iterator[tuple[int, int, DrawnTitles]]:
    blocks = ((block, draw_titles(seed, kind, block)) for block in count_up())
    return islice(((block, row, titles) for block, titles in blocks for row in range(BLOCK)), count)


def _user(seed: int, viewers: Viewers, row: int, number: int, instant: int) -> Fields:
    subscribed = as_datetime(instant).date() - timedelta(days=int(viewers.days[row]))
    decades = dict.fromkeys(_decade(int(index), instant) for index in viewers.decades[row] if index >= 0)
    return {
        "id": user_id(number),
        "type": "user",
        "timestamp": isoformat(instant),
        "nombre_usuario": names(seed).person(mixed(seed, "user", number)),
        "fecha_suscripcion": subscribed.isoformat(),
        "generos": _genres(viewers.genres[row]),
        "directores": _people(seed, "director", viewers.directors[row]),
        "actores": _people(seed, "actor", viewers.actors[row]),
        "clasificacion": MOVIE_CLASSES[viewers.classification[row]],
        "decadas_favoritas": list(decades),
    }


def _title(seed: int, kind: Kind, titles: DrawnTitles, row: int, number: int, instant: int) -> Fields:
    fields: Fields = {
        "id": title_id(kind, number),
        "type": kind,
        "timestamp": isoformat(instant),
        "titulo": names(seed).title(mixed(seed, kind, number)),
        "generos": _genres(titles.genres[row]),
        "directores": _people(seed, "director", titles.directors[row]),
        "actores": _people(seed, "actor", titles.actors[row]),
        "clasificacion": CLASSES[kind][titles.classification[row]],
    }
    if kind == "movie":
        fields["decada_lanzamiento"] = _decade(int(titles.decade[row]), instant)
    else:
        fields["numero_temporadas"] = int(titles.seasons[row])
        fields["numero_episodios"] = int(titles.episodes[row])
    return fields


def _genres(places: Ints) -> list[str]:
    return [GENRES[place] for place in places if place >= 0]


def _people(seed: int, role: str, numbers: Ints) -> list[str]:
    return list(dict.fromkeys(person(seed, role, int(number)) for number in numbers if number >= 0))


def _decade(index: int, instant: int) -> str:
    """The decade, or the event's own if that is earlier: no title is released after it is announced."""
    return decade_of(min(DECADES[index], as_datetime(instant).year))
