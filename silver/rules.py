"""The rules of silver: plain functions of a record and the settings, in one table per event type."""

from collections.abc import Callable, Collection, Mapping
from functools import lru_cache
from itertools import chain
from typing import NamedTuple

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from lakehouse.moments import day_text, moment_text, year_of
from silver.parsing.fields import FEEDBACK, MOVIE, SERIES, TYPES, USER
from silver.parsing.strict_json import as_json
from silver.parsing.wire import Record

_FIRST_DECADE = "1870s"
_VALUE_LENGTH = 200
_SECOND = 1_000_000
_DAY = 86_400 * _SECOND
_ACTIONS = frozenset({"rating", "view", "like", "dislike"})


class Rules(NamedTuple):
    """The settings of the rules."""

    clasificaciones: frozenset[str]
    future_tolerance_seconds: int


class Reason(NamedTuple):
    """A broken rule, the field or fields that break it, and the value that was sent."""

    rule: str
    field: str
    value: str | None


class Verdict(NamedTuple):
    """The two halves of a batch: every row is in exactly one of them."""

    valid: DataFrame
    quarantined: DataFrame


Test = Callable[[Record, Rules], bool]


class Rule(NamedTuple):
    """A record breaks the rule if the rule `applies` to it and it `is_broken`.

    `compared` is text for the reason: what the field was compared with, None if the field is wrong by itself.
    """

    name: str
    field: str
    is_broken: Test
    applies: Test | None = None
    compared: Callable[[Record], str | None] | None = None


def reasons(record: Record, rules: Rules) -> list[Reason]:
    """Every rule that the record breaks, in the order of the tables; empty for a valid record."""
    return [
        _reason(rule, record)
        for rule in _rules_for(record)
        # first what is hardly ever true
        if rule.is_broken(record, rules) and (rule.applies is None or rule.applies(record, rules))
    ]


def split(judged: DataFrame) -> Verdict:
    is_valid = F.size("reasons") == 0
    return Verdict(judged.filter(is_valid), judged.filter(~is_valid))


def _rules_for(record: Record) -> tuple[Rule, ...]:
    if record.is_tombstone:
        return _TOMBSTONE
    if record.event.is_object and record.value_raw is None:
        return _BY_TYPE.get(record.event.fields.get("type", ""), _EVENT)
    return _VALUE


def _reason(rule: Rule, record: Record) -> Reason:
    if rule is _WRONG_TYPE:
        return Reason(rule.name, ", ".join(record.event.wrong_type), None)
    sent = _sent(record, rule.field)
    shown = sent[:_VALUE_LENGTH] if sent is not None else None
    compared = rule.compared(record) if rule.compared is not None else None
    # if two values do not fit each other, either may be the wrong one
    return Reason(rule.name, rule.field, shown if compared is None else f"{shown}, {compared}")


def _sent(record: Record, field: str) -> str | None:
    """The value that was sent in this field, as text."""
    if field == "value":
        return record.value
    if field == "key":
        return record.key
    fields = record.event.fields
    if field == "decadas_favoritas":
        return as_json(fields[field])
    return record.event.raw.get(field, fields.get(field))


def _lacks(name: str) -> Test:
    """Whether a field has no text, or a column no valid value."""
    return lambda record, _: name not in record.event.fields


def _has(name: str) -> Test:
    return lambda record, _: name in record.event.fields


def _is_right_kind(field: str) -> Test:
    """A value of the wrong JSON kind breaks field_wrong_type only, not the rule for missing values as well."""
    return lambda record, _: field not in record.event.wrong_type


def _below(column: str, least: int) -> Test:
    """Whether a number is less than that, or none."""
    return lambda record, _: bool(record.event.fields.get(column, least - 1) < least)


def _missing(name: str, field: str) -> Rule:
    return Rule(name, field, _lacks(field), applies=_is_right_kind(field))


def _is_in_future(record: Record, rules: Rules) -> bool:
    latest = record.kafka_time + rules.future_tolerance_seconds * _SECOND
    return bool(record.event.fields.get("event_timestamp", latest) > latest)


def _after_kafka_time(record: Record) -> str:
    return f"after the Kafka timestamp {moment_text(record.kafka_time)}"


def _event_day(record: Record) -> int | None:
    """The day of the event; None if its time is invalid. timestamp_invalid covers that: nothing is after it."""
    moment = record.event.fields.get("event_timestamp")
    return moment // _DAY if moment is not None else None


def _after_event(is_after: Callable[[Record], bool]) -> Callable[[Record], str | None]:
    def compared(record: Record) -> str | None:
        day = _event_day(record) if is_after(record) else None
        return f"after the event of {day_text(day)}" if day is not None else None

    return compared


def _is_subscribed_after_event(record: Record) -> bool:
    day, fecha = _event_day(record), record.event.fields.get("fecha")
    return day is not None and fecha is not None and fecha > day + 1


def _has_wrong_subscription(record: Record, _rules: Rules) -> bool:
    return "fecha" not in record.event.fields or _is_subscribed_after_event(record)


def _has_unknown_classification(record: Record, rules: Rules) -> bool:
    return record.event.fields.get("clasificacion") not in rules.clasificaciones


@lru_cache(maxsize=10_000)  # most events are from a few days
def _decade_of(day: int) -> str:
    return f"{year_of(day) // 10}0s"


def _is_after_own_decade(decade: str | None, record: Record) -> bool:
    day = _event_day(record)
    return decade is not None and day is not None and decade > _decade_of(day)


def _is_impossible(decade: str | None, record: Record) -> bool:
    return decade is None or decade < _FIRST_DECADE or _is_after_own_decade(decade, record)


def _is_released_after_event(record: Record) -> bool:
    return _is_after_own_decade(record.event.fields.get("decada"), record)


def _prefers_later_decade(record: Record) -> bool:
    return any(_is_after_own_decade(decade, record) for decade in record.event.fields.get("decadas", ()))


def _has_impossible_decade(record: Record, _rules: Rules) -> bool:
    return _is_impossible(record.event.fields.get("decada"), record)


def _prefers_impossible_decade(record: Record, _rules: Rules) -> bool:
    return any(_is_impossible(decade, record) for decade in record.event.fields.get("decadas", ()))


def _has_fewer_episodes_than_seasons(record: Record, _rules: Rules) -> bool:
    fields = record.event.fields
    return bool(1 <= fields.get("episodios", 0) < fields.get("temporadas", 0))


def _seasons(record: Record) -> str:
    return f"fewer than numero_temporadas {record.event.fields['temporadas']}"


def _outside(column: str, least: float, most: float) -> Test:
    """Whether a number is not in this range, or none."""
    return lambda record, _: not least <= record.event.fields.get(column, least - 1) <= most


def _is_none_of(field: str, texts: Collection[str]) -> Test:
    return lambda record, _: record.event.fields.get(field) not in texts


def _is(action: str, field: str) -> Test:
    """Whether the event is of this action, and the action's own field is of the right kind."""

    def applies(record: Record, _rules: Rules) -> bool:
        return record.event.fields.get("action") == action and field not in record.event.wrong_type

    return applies


_VALUE = (
    Rule("not_utf8", "value", lambda record, _: record.value_raw is not None),
    Rule("not_json_object", "value", lambda record, _: record.value_raw is None),
)
_TOMBSTONE = (
    Rule("not_utf8", "key", lambda record, _: record.key_raw is not None),
    Rule("id_missing", "key", lambda record, _: record.key_raw is None and record.key_id is None),
)
_WRONG_TYPE = Rule("field_wrong_type", "wrong_type", lambda record, _: bool(record.event.wrong_type))
# What every object must satisfy, whatever its type.
_EVENT = (
    Rule("id_missing", "id", _lacks("id")),
    Rule("type_unknown", "type", _is_none_of("type", TYPES)),
    Rule("timestamp_invalid", "timestamp", _lacks("event_timestamp")),
    Rule("timestamp_in_future", "timestamp", _is_in_future, compared=_after_kafka_time),
    _WRONG_TYPE,
)
_CLASIFICACION = Rule(
    "clasificacion_unknown", "clasificacion", _has_unknown_classification, applies=_has("clasificacion")
)
_TITULO = _missing("titulo_missing", "titulo")
_USER = (
    _missing("nombre_usuario_missing", "nombre_usuario"),
    Rule(
        "fecha_suscripcion_invalid",
        "fecha_suscripcion",
        _has_wrong_subscription,
        applies=_has("fecha_suscripcion"),
        compared=_after_event(_is_subscribed_after_event),
    ),
    _CLASIFICACION,
    Rule(
        "decada_invalid",
        "decadas_favoritas",
        _prefers_impossible_decade,
        applies=_is_right_kind("decadas_favoritas"),
        compared=_after_event(_prefers_later_decade),
    ),
)
_MOVIE = (
    _TITULO,
    _CLASIFICACION,
    Rule(
        "decada_invalid",
        "decada_lanzamiento",
        _has_impossible_decade,
        applies=_has("decada_lanzamiento"),
        compared=_after_event(_is_released_after_event),
    ),
)
_SERIES = (
    _TITULO,
    _CLASIFICACION,
    Rule(
        "numero_temporadas_invalid",
        "numero_temporadas",
        _below("temporadas", 1),
        applies=_has("numero_temporadas"),
    ),
    Rule("numero_episodios_invalid", "numero_episodios", _below("episodios", 1), applies=_has("numero_episodios")),
    Rule("episodes_fewer_than_seasons", "numero_episodios", _has_fewer_episodes_than_seasons, compared=_seasons),
)
_FEEDBACK = (
    _missing("feedback_reference_missing", "user_id"),
    _missing("feedback_reference_missing", "content_id"),
    Rule("action_unknown", "action", _is_none_of("action", _ACTIONS), applies=_is_right_kind("action")),
    Rule("rating_out_of_range", "rating", _outside("stars", 0.5, 5.0), applies=_is("rating", "rating")),
    Rule(
        "seconds_watched_invalid", "seconds_watched", _below("seconds", 0), applies=_is("view", "seconds_watched")
    ),
)
_BY_TYPE: Mapping[str, tuple[Rule, ...]] = {
    USER: (*_EVENT, *_USER),
    MOVIE: (*_EVENT, *_MOVIE),
    SERIES: (*_EVENT, *_SERIES),
    FEEDBACK: (*_EVENT, *_FEEDBACK),
}
RULE_NAMES = frozenset(rule.name for rule in chain(_VALUE, _TOMBSTONE, *_BY_TYPE.values()))
