"""Made-up records: repeatable, valid in silver unless broken on purpose, long-tailed."""

import json
import re
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta
from itertools import islice
from typing import Any

import pytest

from lakehouse.settings import load_settings
from producers.made_up.activity import feedback_records
from producers.made_up.entities import movie_records, series_records, user_records
from producers.made_up.population import split_titles
from producers.made_up.timeline import DEFAULT_START, catalogue_instants, evenly
from producers.sending.records import Record

USERS, MOVIES, SERIES = 300, 400, 150


def feedback(seed: int, count: int | None, *, dirty: float = 0.0, **more: Any) -> Iterator[Record]:
    return feedback_records(seed, count, users=USERS, movies=MOVIES, series=SERIES, dirty=dirty, **more)


GENERATORS: dict[str, Callable[..., Iterator[Record]]] = {
    "user": user_records,
    "movie": movie_records,
    "series": series_records,
    "feedback": feedback,
}

# The rules of silver that each type of event can break.
COMMON_RULES = {
    "not_utf8",
    "not_json_object",
    "id_missing",
    "type_unknown",
    "timestamp_invalid",
    "timestamp_in_future",
    "field_wrong_type",
}
RULES = {
    "user": COMMON_RULES
    | {"nombre_usuario_missing", "fecha_suscripcion_invalid", "clasificacion_unknown", "decada_invalid"},
    "movie": COMMON_RULES | {"titulo_missing", "clasificacion_unknown", "decada_invalid"},
    "series": COMMON_RULES
    | {
        "titulo_missing",
        "clasificacion_unknown",
        "numero_temporadas_invalid",
        "numero_episodios_invalid",
        "episodes_fewer_than_seasons",
    },
    "feedback": COMMON_RULES
    | {"feedback_reference_missing", "action_unknown", "rating_out_of_range", "seconds_watched_invalid"},
}
ARRAYS = ("generos", "directores", "actores", "decadas_favoritas")


def broken_rules(record: Record) -> set[str]:
    """The rules of DESIGN.md, written again for this test alone, from the bytes on."""
    assert record.value is not None
    try:
        text = record.value.decode()
    except UnicodeDecodeError:
        return {"not_utf8"}
    try:
        event = json.loads(text)
    except ValueError:
        return {"not_json_object"}
    if not isinstance(event, dict):
        return {"not_json_object"}
    broken = {"id_missing"} if not str(event.get("id") or "").strip() else set()
    broken |= _wrong_types(event)
    if event["type"] not in RULES:
        return broken | {"type_unknown"}
    try:
        happened = datetime.fromisoformat(event["timestamp"])
    except ValueError:
        return broken | {"timestamp_invalid"}
    assert record.timestamp_ms is not None
    if happened.timestamp() > record.timestamp_ms / 1000 + 3600:
        broken.add("timestamp_in_future")
    if event["type"] == "feedback":
        return broken | _broken_feedback(event)
    return broken | _broken_preferences(event, happened.date())


def _wrong_types(event: dict[str, Any]) -> set[str]:
    for name, value in event.items():
        if name in ARRAYS:
            if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
                return {"field_wrong_type"}
        elif isinstance(value, list | dict):
            return {"field_wrong_type"}
    return set()


def _broken_preferences(event: dict[str, Any], happened: date) -> set[str]:
    broken = set()
    name = "nombre_usuario" if event["type"] == "user" else "titulo"
    if not (event[name] or "").strip():
        broken.add(f"{name}_missing")
    if event["clasificacion"] not in load_settings().silver.clasificaciones:
        broken.add("clasificacion_unknown")
    if event["type"] == "series":
        broken |= _broken_series(event["numero_temporadas"], event["numero_episodios"])
    else:
        decades = event.get("decadas_favoritas", [event.get("decada_lanzamiento")])
        last = happened.year // 10 * 10
        if not all(re.fullmatch(r"\d{3}0s", item) and 1870 <= int(item[:4]) <= last for item in decades):
            broken.add("decada_invalid")
    if event["type"] == "user":
        try:
            if date.fromisoformat(event["fecha_suscripcion"]) > happened + timedelta(days=1):
                broken.add("fecha_suscripcion_invalid")
        except ValueError:
            broken.add("fecha_suscripcion_invalid")
    return broken


def _broken_series(seasons: Any, episodes: Any) -> set[str]:
    broken = set()
    if not isinstance(seasons, int) or seasons < 1:
        broken.add("numero_temporadas_invalid")
    if episodes is not None and (not isinstance(episodes, int) or episodes < 1):
        broken.add("numero_episodios_invalid")
    if not broken and episodes is not None and episodes < seasons:
        broken.add("episodes_fewer_than_seasons")
    return broken


def _broken_feedback(event: dict[str, Any]) -> set[str]:
    broken = set()
    if not event["user_id"] or not event["content_id"]:
        broken.add("feedback_reference_missing")
    if event["action"] not in ("view", "rating", "like", "dislike"):
        broken.add("action_unknown")
    rating, seconds = event.get("rating"), event.get("seconds_watched")
    if (event["action"] == "rating") != (rating is not None) and event["action"] != "aplauso":
        broken.add("rating_out_of_range")
    if rating is not None and (not 0.5 <= rating <= 5.0 or rating * 2 != int(rating * 2)):
        broken.add("rating_out_of_range")
    if (event["action"] == "view") != (seconds is not None) and event["action"] != "aplauso":
        broken.add("seconds_watched_invalid")
    if seconds is not None and (not isinstance(seconds, int) or seconds < 0):
        broken.add("seconds_watched_invalid")
    return broken


@pytest.mark.parametrize("kind", GENERATORS)
def test_the_same_seed_gives_the_same_bytes(kind: str) -> None:
    make = GENERATORS[kind]
    once = list(make(7, 700, dirty=0.1))
    assert once == list(make(7, 700, dirty=0.1))
    assert len(once) == 700
    assert once != list(make(8, 700, dirty=0.1))


@pytest.mark.parametrize("kind", GENERATORS)
def test_clean_records_break_no_rule(kind: str) -> None:
    for record in GENERATORS[kind](3, 1200):
        assert broken_rules(record) == set(), record
        assert record.value is not None
        event = json.loads(record.value)
        assert event["type"] == kind
        assert record.key == event["id"].encode()


@pytest.mark.parametrize("kind", GENERATORS)
def test_dirty_records_break_one_rule_each_and_every_rule_is_broken(kind: str) -> None:
    broken = [broken_rules(record) for record in GENERATORS[kind](3, 2000, dirty=0.2)]
    dirty = [rules for rules in broken if rules]
    assert 0.17 < len(dirty) / 2000 < 0.23
    assert all(len(rules) == 1 for rules in dirty), [rules for rules in dirty if len(rules) > 1]
    assert {rule for rules in dirty for rule in rules} == RULES[kind]


@pytest.mark.parametrize("kind", GENERATORS)
def test_breaking_some_records_leaves_the_others_as_they_were(kind: str) -> None:
    clean = list(GENERATORS[kind](3, 500))
    mixed = list(GENERATORS[kind](3, 500, dirty=0.3))
    changed = [before for before, after in zip(clean, mixed, strict=True) if before != after]
    assert 100 < len(changed) < 200
    assert [record[::2] for record in clean] == [record[::2] for record in mixed]


def test_a_short_run_is_the_beginning_of_a_longer_one() -> None:
    def instants() -> Iterator[int]:
        return evenly(DEFAULT_START, span_ms=0, count=None)

    short = list(user_records(5, 30, instants=instants()))
    assert short == list(islice(user_records(5, None, instants=instants()), 30))


def test_an_early_start_names_no_later_decade() -> None:
    start = datetime(1984, 5, 1, tzinfo=UTC)
    for make in (user_records, movie_records):
        for record in make(1, 200, instants=catalogue_instants(start, 200)):
            assert broken_rules(record) == set(), record


def test_feedback_names_users_and_titles_that_their_producers_send() -> None:
    users = {record.key for record in user_records(11, USERS)}
    titles = {record.key for record in movie_records(11, MOVIES)} | {
        record.key for record in series_records(11, SERIES)
    }
    events = [json.loads(record.value or b"") for record in feedback(11, 2000)]
    assert {event["user_id"].encode() for event in events} <= users
    assert {event["content_id"].encode() for event in events} <= titles
    assert {event["content_id"][0] for event in events} == {"m", "s"}


def test_feedback_comes_after_the_subscription_over_180_days() -> None:
    subscribed = {
        event["id"]: event["fecha_suscripcion"]
        for event in (json.loads(record.value or b"") for record in user_records(11, USERS))
    }
    events = [json.loads(record.value or b"") for record in feedback(11, 2000)]
    assert all(event["timestamp"][:10] > subscribed[event["user_id"]] for event in events)
    days = [datetime.fromisoformat(event["timestamp"]) for event in events]
    assert timedelta(days=179) < days[-1] - days[0] < timedelta(days=181)


def test_titles_and_users_have_a_long_tail() -> None:
    events = [json.loads(record.value or b"") for record in feedback(42, 6000)]
    for field, population in (("content_id", MOVIES + SERIES), ("user_id", USERS)):
        counts = Counter(event[field] for event in events).most_common(population // 10)
        top_tenth = sum(count for _, count in counts) / len(events)
        assert 0.3 < top_tenth < 0.8, (field, top_tenth)


def test_users_watch_and_like_what_fits_their_taste() -> None:
    """Shared genres are far more common than by chance, and raise the rating."""
    wanted = {e["id"]: set(e["generos"]) for e in map(_event, user_records(42, USERS))}
    offered = {e["id"]: set(e["generos"]) for e in map(_event, movie_records(42, MOVIES))}
    seen = [e for e in map(_event, feedback(42, 6000)) if e["content_id"] in offered]
    fits = [bool(wanted[e["user_id"]] & offered[e["content_id"]]) for e in seen]
    chance = [bool(likes & genres) for likes in wanted.values() for genres in offered.values()]
    assert sum(fits) / len(fits) > 1.3 * sum(chance) / len(chance)
    rated: dict[bool, list[float]] = {True: [], False: []}
    for event, fit in zip(seen, fits, strict=True):
        if event["action"] == "rating":
            rated[fit].append(event["rating"])
    assert sum(rated[True]) / len(rated[True]) > sum(rated[False]) / len(rated[False]) + 0.5


def _event(record: Record) -> dict[str, Any]:
    event: dict[str, Any] = json.loads(record.value or b"")
    return event


@pytest.mark.parametrize(("titles", "expected"), [(3000, (2100, 900)), (10, (7, 3)), (2, (1, 1)), (1, (1, 0))])
def test_titles_are_split_into_movies_and_series(titles: int, expected: tuple[int, int]) -> None:
    assert split_titles(titles) == expected
