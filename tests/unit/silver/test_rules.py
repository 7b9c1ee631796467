"""The rules of silver, each at the last valid value and the first that breaks it."""

from collections.abc import Mapping
from typing import Any

import pytest

from lakehouse.settings import load_settings
from silver.conditions import Rules
from silver.judging import judge_batch
from silver.rules import RULE_NAMES
from tests.support.records import FEEDBACK, MOVIE, SERIES, USER, Row, bronze_batch, bronze_row

Broken = set[str]
Judged = dict[str, list[dict[str, Any]]]
RATING, VIEW = FEEDBACK | {"action": "rating"}, FEEDBACK | {"action": "view"}


def without(event: dict[str, Any], field: str) -> dict[str, Any]:
    return {name: value for name, value in event.items() if name != field}


def one_field(event: dict[str, Any], field: str, values: Mapping[str, object]) -> dict[str, dict[str, Any]]:
    return {f"{event['type']}.{field}: {name}": event | {field: value} for name, value in values.items()}


TEXT = '{"id":"m","type":"movie","timestamp":"2025-05-13T11:59:00Z","titulo":"A"}'

# Values that are not strict JSON objects.
NO_OBJECT = {
    "truncated": TEXT[:-10],
    "empty": "",
    "white space": " \n",
    "an array": f"[{TEXT}]",
    "a string": '"hola"',
    "a number": "3",
    "null": "null",
    "true": "true",
    "words": "hola",
    "two documents": TEXT + TEXT,
    "two documents, a space between": f"{TEXT} {TEXT}",
    "two documents, a comma between": f"{TEXT},{TEXT}",
    "a word after it": f"{TEXT} x",
    "a bracket after it": f"{TEXT}]",
    "a brace after it": TEXT + "}",
    # these close the bracket or brace that a parser might have added around them
    "closes a bracket around it": TEXT + '] , [{"b":2}',
    "closes a bracket, then a word": TEXT + "] x",
    "closes a bracket, with spaces": TEXT + ' \n ] \t,[{"b":2}',
    "closes a brace around it": TEXT + '},{"member":{"b":2}',
    "closes a brace, then a bracket": TEXT + '}] , [{"member":{"b":2}',
    "closes a bracket, then a brace": TEXT + ']},[{"b":2}',
    "closes a brace, bare": '{"a":1}},{',
    "single quotes": "{'id':'m'}",
    "a key without quotes": '{id:"m"}',
    "a comma at the end": '{"id":"m",}',
    "a comma at the end of an array": '{"id":"m","generos":["a",]}',
    "a comma too many": '{"id":"m",,"type":"movie"}',
    "NaN": '{"id":"m","rating":NaN}',
    "Infinity": '{"id":"m","rating":-Infinity}',
    "a plus sign": '{"id":"m","rating":+1}',
    "a zero in front": '{"id":"m","rating":01}',
    "a point without digits": '{"id":"m","rating":1.}',
    "hexadecimal": '{"id":"m","rating":0x1}',
    "a comment": '{"id":"m"/* x */}',
    "a line break in a string": '{"id":"m\n"}',
    "a tab in a string": '{"id":"m\t"}',
    "an unknown escape": r'{"id":"\x6d"}',
    "a lone surrogate": r'{"id":"m","type":"movie","timestamp":"2025-05-13T11:59:00Z","titulo":"\ud83d"}',
    "surrogates the wrong way round": (
        r'{"id":"m","type":"movie","timestamp":"2025-05-13T11:59:00Z","titulo":"\udc94\ud83d"}'
    ),
    "a mark in front": "\ufeff" + TEXT,
    "a no-break space in front": "\u00a0" + TEXT,
    "the same key twice": '{"id":"m","id":"n","type":"movie","timestamp":"2025-05-13T11:59:00Z","titulo":"A"}',
    "the same key twice, deeper": TEXT[:-1] + ',"extra":{"a":1,"a":2}}',
    "2000 levels deep": TEXT[:-1] + ',"extra":' + "[" * 2000 + "]" * 2000 + "}",
}

# Unusual, but strict JSON.
OBJECTS = {
    "white space around it": f" \t\r\n{TEXT}\n",
    "a surrogate pair": (r'{"id":"m","type":"movie","timestamp":"2025-05-13T11:59:00Z","titulo":"\ud83d\udc94"}'),
    "an escaped backslash before ud83d": (
        r'{"id":"m","type":"movie","timestamp":"2025-05-13T11:59:00Z","titulo":"\\ud83d"}'
    ),
    "brackets inside a string": TEXT[:-3] + r"}] , [{\"b\":2}" + '"}',
    "ends in an object in an array": TEXT[:-1] + ',"extra":[{"b":2} ]}',
    "100 levels deep": TEXT[:-1] + ',"extra":' + "[" * 100 + "]" * 100 + "}",
    "a long value": TEXT[:-3] + "x" * 100_000 + '"}',
}

KEEPS: dict[str, dict[str, Any] | str] = {
    **OBJECTS,
    "user": USER,
    "movie": MOVIE,
    "series": SERIES,
    "feedback": FEEDBACK,
    **one_field(MOVIE, "id", {"a number": 7, "zero": 0, "false": False, "a brace": "{", "a bracket": "[x"}),
    **one_field(MOVIE, "titulo", {"a number": 1917, "looks like an array": "[REC]", "looks like JSON": '{"a":1}'}),
    **one_field(
        MOVIE,
        "timestamp",
        {
            "an hour ahead": "2025-05-13T13:00:00Z",
            "1970": "1970-01-01T00:00:00Z",
            "long before": "1999-01-01 00:00",
        },
    ),
    **one_field(
        USER,
        "fecha_suscripcion",
        {
            "null": None,
            "blank": " ",
            "a day": "2024-02-29",
            "the day after the event": "2025-05-14",
            "a time": "2024-02-29T10:00:00Z",
            "before 1970": "1969-12-31",
        },
    ),
    **one_field(
        MOVIE,
        "clasificacion",
        {"null": None, "blank": "", "listed": "PG-13", "trimmed": " TV-Y7-FV ", "Mexican": "B15"},
    ),
    **one_field(
        MOVIE,
        "decada_lanzamiento",
        {"null": None, "the first": "1870s", "the event's own": "2020s", "no s": "1990", "a number": 1990},
    ),
    "an old event's own decade": MOVIE | {"timestamp": "1999-12-31T23:59:59Z", "decada_lanzamiento": "1990s"},
    **one_field(
        USER, "decadas_favoritas", {"null": None, "empty": [], "good": ["1870s", 1990, "2020s", None, " "]}
    ),
    **one_field(
        SERIES,
        "numero_temporadas",
        {"null": None, "one": 1, "text": "3", "3.0": "3.0", "3.0 as a number": 3.0, "the largest": 2147483647},
    ),
    **one_field(SERIES, "numero_episodios", {"null": None, "one": 1, "text": " 30 ", "the largest": "2147483647"}),
    "as many episodes as seasons": SERIES | {"numero_temporadas": 5, "numero_episodios": "5"},
    **one_field(RATING, "rating", {"least": 0.5, "most": 5.0, "whole": 5, "text": "4.5", "an exponent": "45e-1"}),
    **one_field(VIEW, "seconds_watched", {"none": 0, "text": "1260", "1260.0": 1260.0, "the largest": 2147483647}),
    "dislike": FEEDBACK | {"action": "dislike"},
    # fields of another action or type are not judged
    "a rating of a like": FEEDBACK | {"rating": 99},
    "seconds of a rating": RATING | {"rating": 3, "seconds_watched": -1},
    "seasons of a movie": MOVIE | {"numero_temporadas": -1},
    "a decade of a series": SERIES | {"decada_lanzamiento": "1500s"},
    "an array where the type has no such field": FEEDBACK | {"titulo": ["a"], "generos": "Drama"},
}

BREAKS: dict[str, tuple[dict[str, Any] | str, Broken]] = {
    **{name: (value, {"not_json_object/value"}) for name, value in NO_OBJECT.items()},
    "an empty object": ("{}", {"id_missing/id", "type_unknown/type", "timestamp_invalid/timestamp"}),
    **{
        name: (event, {"id_missing/id"})
        for name, event in {
            "no id": without(MOVIE, "id"),
            **one_field(MOVIE, "id", {"null": None, "empty": "", "blank": " \t", "no-break": "\u00a0\u200b"}),
        }.items()
    },
    **{
        name: (event, {"type_unknown/type"})
        for name, event in {
            "no type": without(MOVIE, "type"),
            "another type": MOVIE | {"type": "podcast"},
            "type null": MOVIE | {"type": None},
            "another case": MOVIE | {"type": "Movie"},
            "a type that is a number": MOVIE | {"type": 1},
        }.items()
    },
    **{
        name: (event, {"timestamp_invalid/timestamp"})
        for name, event in {
            "no timestamp": without(MOVIE, "timestamp"),
            **one_field(
                MOVIE,
                "timestamp",
                {
                    "null": None,
                    "blank": "",
                    "day first": "13/05/2025",
                    "1969": "1969-12-31T23:59:59.999Z",
                    "true": True,
                },
            ),
        }.items()
    },
    "1 ms more than an hour ahead": (
        MOVIE | {"timestamp": "2025-05-13T13:00:00.001Z"},
        {"timestamp_in_future/timestamp"},
    ),
    **{
        name: (event, broken)
        for name, (event, broken) in {
            "a title that is an array": (MOVIE | {"titulo": ["a"]}, {"field_wrong_type/titulo"}),
            "a title that is an object": (MOVIE | {"titulo": {"a": 1}}, {"field_wrong_type/titulo"}),
            "a title that is an empty array": (MOVIE | {"titulo": []}, {"field_wrong_type/titulo"}),
            "genres that are text": (MOVIE | {"generos": "Drama"}, {"field_wrong_type/generos"}),
            "genres that are blank": (MOVIE | {"generos": ""}, {"field_wrong_type/generos"}),
            "genres that are a number": (MOVIE | {"generos": 1}, {"field_wrong_type/generos"}),
            "genres that are false": (MOVIE | {"generos": False}, {"field_wrong_type/generos"}),
            "genres that are an object": (MOVIE | {"generos": {"a": 1}}, {"field_wrong_type/generos"}),
            "an object in an array": (MOVIE | {"actores": ["a", {"b": 1}]}, {"field_wrong_type/actores"}),
            "an array in an array": (MOVIE | {"actores": [["a"]]}, {"field_wrong_type/actores"}),
            "two fields at once": (
                MOVIE | {"titulo": {}, "generos": "a"},
                {"field_wrong_type/titulo, generos"},
            ),
            "decades that are text": (
                USER | {"decadas_favoritas": "1990s"},
                {"field_wrong_type/decadas_favoritas"},
            ),
            "a rating that is an array": (RATING | {"rating": [4]}, {"field_wrong_type/rating"}),
            "seconds that are an object": (VIEW | {"seconds_watched": {}}, {"field_wrong_type/seconds_watched"}),
            "an action that is an array": (FEEDBACK | {"action": ["like"]}, {"field_wrong_type/action"}),
            "a user that is an array": (FEEDBACK | {"user_id": ["u"]}, {"field_wrong_type/user_id"}),
        }.items()
    },
    **{
        f"nombre_usuario {name}": (event, {"nombre_usuario_missing/nombre_usuario"})
        for name, event in {
            "absent": without(USER, "nombre_usuario"),
            "null": USER | {"nombre_usuario": None},
            "blank": USER | {"nombre_usuario": " \u3000"},
        }.items()
    },
    **{
        f"titulo {name}": (event, {"titulo_missing/titulo"})
        for name, event in {
            "absent": without(MOVIE, "titulo"),
            "null": SERIES | {"titulo": None},
            "blank": SERIES | {"titulo": "\ufeff"},
        }.items()
    },
    **{
        name: (event, {"fecha_suscripcion_invalid/fecha_suscripcion"})
        for name, event in one_field(
            USER,
            "fecha_suscripcion",
            {
                "no real date": "2023-02-29",
                "two days after the event": "2025-05-15",
                "a year": "2024",
                "a number": 20240229,
                "day first": "29/02/2024",
                "word": "ayer",
            },
        ).items()
    },
    **{
        name: (event, {"clasificacion_unknown/clasificacion"})
        for name, event in {
            **one_field(MOVIE, "clasificacion", {"a duration": "74 min", "another case": "pg-13", "a number": 13}),
            "of a user": USER | {"clasificacion": "X"},
            "of a series": SERIES | {"clasificacion": "X"},
        }.items()
    },
    **{
        name: (event, {"decada_invalid/decada_lanzamiento"})
        for name, event in one_field(
            MOVIE,
            "decada_lanzamiento",
            {
                "too early": "1860s",
                "after the event": "2030s",
                "a year": "1994",
                "two digits": "90s",
                "word": "noventa",
                "more digits": "19900s",
                "trailing": "1990ss",
                "padded word": " x ",
            },
        ).items()
    },
    "the decade after an old event": (
        MOVIE | {"timestamp": "1999-12-31T23:59:59Z", "decada_lanzamiento": "2000s"},
        {"decada_invalid/decada_lanzamiento"},
    ),
    **{
        f"favourite decade {name}": (USER | {"decadas_favoritas": decades}, {"decada_invalid/decadas_favoritas"})
        for name, decades in {
            "among good ones": ["1990s", "1995"],
            "too early": ["1860s"],
            "after the event": ["2030s"],
            "with quotes": ['"90s"', "9\t0", "é💔"],
        }.items()
    },
    **{
        name: (event, {"numero_temporadas_invalid/numero_temporadas"})
        for name, event in one_field(
            SERIES,
            "numero_temporadas",
            {
                "zero": 0,
                "negative": "-1",
                "a fraction": 2.5,
                "word": "tres",
                "too large": 2147483648,
                "far too large": "99999999999",
                "true": True,
            },
        ).items()
    },
    **{
        name: (event, {"numero_episodios_invalid/numero_episodios"})
        for name, event in one_field(
            SERIES,
            "numero_episodios",
            {"zero": "0", "negative": -4, "a fraction": "2.5", "too large": "2147483648"},
        ).items()
    },
    "fewer episodes than seasons": (
        SERIES | {"numero_temporadas": 5, "numero_episodios": "4"},
        {"episodes_fewer_than_seasons/numero_episodios"},
    ),
    "a number that is none is not compared": (
        SERIES | {"numero_temporadas": 5, "numero_episodios": -1},
        {"numero_episodios_invalid/numero_episodios"},
    ),
    **{
        f"user_id {name}": (event, {"feedback_reference_missing/user_id"})
        for name, event in {
            "absent": without(FEEDBACK, "user_id"),
            "null": FEEDBACK | {"user_id": None},
            "blank": FEEDBACK | {"user_id": " "},
        }.items()
    },
    **{
        f"content_id {name}": (event, {"feedback_reference_missing/content_id"})
        for name, event in {
            "absent": without(FEEDBACK, "content_id"),
            "blank": FEEDBACK | {"content_id": ""},
        }.items()
    },
    "neither reference": (
        FEEDBACK | {"user_id": None, "content_id": None},
        {"feedback_reference_missing/user_id", "feedback_reference_missing/content_id"},
    ),
    **{
        f"action {name}": (event, {"action_unknown/action"})
        for name, event in {
            "absent": without(FEEDBACK, "action"),
            "null": FEEDBACK | {"action": None},
            "another": FEEDBACK | {"action": "share"},
            "in another case": FEEDBACK | {"action": "Like"},
        }.items()
    },
    **{
        name: (event, {"rating_out_of_range/rating"})
        for name, event in {
            "rating without a rating": RATING,
            **one_field(
                RATING,
                "rating",
                {
                    "null": None,
                    "too small": 0.49,
                    "too large": 5.01,
                    "NaN": "NaN",
                    "Infinity": "Infinity",
                    "word": "five",
                    "a float's letter": "4.5d",
                    "negative": -4,
                },
            ),
        }.items()
    },
    **{
        name: (event, {"seconds_watched_invalid/seconds_watched"})
        for name, event in {
            "view without seconds": VIEW,
            **one_field(
                VIEW,
                "seconds_watched",
                {"null": None, "negative": -1, "a fraction": 1.5, "too large": 2147483648, "word": "x"},
            ),
        }.items()
    },
    "every fault is reported": (
        SERIES | {"id": "", "timestamp": "x", "titulo": None, "clasificacion": "?", "numero_temporadas": 0},
        {
            "id_missing/id",
            "timestamp_invalid/timestamp",
            "titulo_missing/titulo",
            "clasificacion_unknown/clasificacion",
            "numero_temporadas_invalid/numero_temporadas",
        },
    ),
}

LAST = "9999-12-31T23:59:59Z"

# Records whose verdict depends on their key, their raw bytes or their Kafka timestamp.
RECORDS: dict[str, tuple[Row, Broken]] = {
    "bytes that are no text": (bronze_row(b'{"id": "Ni\xf1o"}'), {"not_utf8/value"}),
    "both are no text": (bronze_row(b"\xff", key=b"\xff"), {"not_utf8/value"}),
    "a tombstone": (bronze_row(None, key="m"), set()),
    "a tombstone whose key is no text": (bronze_row(None, key=b"\xff"), {"not_utf8/key"}),
    "a tombstone without a key": (bronze_row(None, key=None), {"id_missing/key"}),
    "a tombstone with a blank key": (bronze_row(None, key=" \u00a0"), {"id_missing/key"}),
    "an event without a key": (bronze_row(MOVIE, key=None), set()),
    "an event whose key is no text": (bronze_row(MOVIE, key=b"\xff"), set()),
    "an event whose key is another id": (bronze_row(MOVIE, key="x"), set()),
    "an hour after an early record": (bronze_row(MOVIE, at="2025-05-13T10:59:00Z"), set()),
    "more than an hour after an early record": (
        bronze_row(MOVIE, at="2025-05-13T10:58:59.999Z"),
        {"timestamp_in_future/timestamp"},
    ),
    # a producer that sends milliseconds as seconds: the event's time is not at fault
    # milliseconds reach years of five digits, which no table holds; decades are compared as numbers
    "a decade of an event of the year 10000": (
        bronze_row(MOVIE | {"timestamp": 253402300800000}, at=LAST),
        {"timestamp_in_future/timestamp"},
    ),
    "a favourite decade of an event of the year 10000": (
        bronze_row(USER | {"timestamp": 253402300800000, "decadas_favoritas": ["9990s"]}, at=LAST),
        {"timestamp_in_future/timestamp"},
    ),
    "the last moment of the year 9999": (
        bronze_row(MOVIE | {"timestamp": "9999-12-31T23:59:59.999Z"}, at=LAST),
        set(),
    ),
    "a record of 1970": (
        bronze_row(MOVIE, at="1970-01-21T05:18:57.540Z"),
        {"timestamp_in_future/timestamp"},
    ),
}

EXPECTED: dict[str, Broken] = {
    **{name: set() for name in KEEPS},
    **{name: broken for name, (_, broken) in BREAKS.items()},
    **{name: broken for name, (_, broken) in RECORDS.items()},
}
ROWS = [
    *[bronze_row(event, topic=name) for name, event in KEEPS.items()],
    *[bronze_row(event, topic=name) for name, (event, _) in BREAKS.items()],
    *[(name, *row[1:]) for name, (row, _) in RECORDS.items()],
]


SETTINGS = load_settings().silver
RULES = Rules(frozenset(SETTINGS.clasificaciones), SETTINGS.future_tolerance_seconds)


@pytest.fixture(scope="module")
def judged() -> Judged:
    """The reasons of each case; its topic is the case."""
    judged = judge_batch(bronze_batch(ROWS), RULES)
    # not the other columns: Python has no year 10000
    return dict(zip(judged["topic"].to_pylist(), judged["reasons"].to_pylist(), strict=True))


@pytest.mark.parametrize("case", EXPECTED)
def test_exactly_these_rules_are_broken(judged: Judged, case: str) -> None:
    found = [f"{reason['rule']}/{reason['field']}" for reason in judged[case]]
    assert sorted(found) == sorted(EXPECTED[case])


def test_every_rule_has_a_case() -> None:
    assert {found.split("/")[0] for broken in EXPECTED.values() for found in broken} == RULE_NAMES


def test_no_case_hides_another() -> None:
    assert len(EXPECTED) == len(ROWS) == len(KEEPS) + len(BREAKS) + len(RECORDS)


@pytest.mark.parametrize(
    ("case", "value"),
    [
        ("movie.clasificacion: a duration", "74 min"),
        ("movie.clasificacion: a number", "13"),
        ("feedback.rating: too large", "5.01"),
        ("favourite decade among good ones", '["1990s","1995"]'),
        ("titulo blank", "\ufeff"),  # as sent, not as trimmed
        ("titulo absent", None),
        ("words", "hola"),
        ("a tombstone with a blank key", " \u00a0"),
        # either of the two values may be the wrong one, so both are shown
        ("a record of 1970", "2025-05-13T11:59:00Z, after the Kafka timestamp 1970-01-21T05:18:57.540Z"),
        (
            "1 ms more than an hour ahead",
            "2025-05-13T13:00:00.001Z, after the Kafka timestamp 2025-05-13T12:00:00.000Z",
        ),
        ("user.fecha_suscripcion: two days after the event", "2025-05-15, after the event of 2025-05-13"),
        ("user.fecha_suscripcion: no real date", "2023-02-29"),
        ("movie.decada_lanzamiento: after the event", "2030s, after the event of 2025-05-13"),
        ("movie.decada_lanzamiento: too early", "1860s"),
        ("favourite decade after the event", '["2030s"], after the event of 2025-05-13'),
        ("fewer episodes than seasons", "4, fewer than numero_temporadas 5"),
        ("two fields at once", None),  # their names are in the field
        ("favourite decade with quotes", r'["\"90s\"","9\t0","é💔"]'),
    ],
)
def test_a_reason_shows_what_was_sent(judged: Judged, case: str, value: str | None) -> None:
    assert judged[case][0]["value"] == value


def test_a_long_value_is_cut(judged: Judged) -> None:
    assert len(judged["2000 levels deep"][0]["value"]) == 200


def test_reasons_come_in_the_order_of_the_rules(judged: Judged) -> None:
    """The envelope's rules first: a replay compares reasons with those that it recorded."""
    found = [reason["rule"] for reason in judged["every fault is reported"]]
    assert found == [
        "id_missing",
        "timestamp_invalid",
        "titulo_missing",
        "clasificacion_unknown",
        "numero_temporadas_invalid",
    ]
