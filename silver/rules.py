"""The rules of silver: plain functions of a record and the settings, in one table per event type."""

from collections.abc import Mapping
from itertools import chain
from typing import NamedTuple

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from silver.conditions import (
    Compared,
    Rules,
    Test,
    after_event,
    after_kafka_time,
    below,
    has,
    has_fewer_episodes_than_seasons,
    has_impossible_decade,
    has_unknown_classification,
    has_wrong_subscription,
    is_in_future,
    is_none_of,
    is_released_after_event,
    is_right_kind,
    is_subscribed_after_event,
    lacks,
    of_action,
    outside,
    prefers_impossible_decade,
    prefers_later_decade,
    seasons,
)
from silver.parsing.fields import FEEDBACK, MOVIE, SERIES, TYPES, USER
from silver.parsing.strict_json import as_json
from silver.parsing.wire import ParsedRecord

_VALUE_LENGTH = 200
_ACTIONS = frozenset({"rating", "view", "like", "dislike"})


class Reason(NamedTuple):
    """A broken rule, the field or fields that break it, and the value that was sent."""

    rule: str
    field: str
    value: str | None


class SplitBatch(NamedTuple):
    """The two halves of a batch: every row is in exactly one of them."""

    valid: DataFrame
    quarantined: DataFrame


class Rule(NamedTuple):
    """A record breaks the rule if the rule `applies` to it and it `is_broken`.

    `compared` is text for the reason: what the field was compared with, None if the field is wrong by itself.
    """

    name: str
    field: str
    is_broken: Test
    applies: Test | None = None
    compared: Compared | None = None


def reasons(record: ParsedRecord, rules: Rules) -> list[Reason]:
    """Every rule that the record breaks, in the order of the tables; empty for a valid record."""
    return [
        _reason(rule, record)
        for rule in _rules_for(record)
        # first what is hardly ever true
        if rule.is_broken(record, rules) and (rule.applies is None or rule.applies(record, rules))
    ]


def split(judged: DataFrame) -> SplitBatch:
    is_valid = F.size("reasons") == 0
    return SplitBatch(judged.filter(is_valid), judged.filter(~is_valid))


def _rules_for(record: ParsedRecord) -> tuple[Rule, ...]:
    if record.is_tombstone:
        return _TOMBSTONE
    if record.event.is_object and record.value_raw is None:
        return _BY_TYPE.get(record.event.fields["type"], _EVENT)
    return _VALUE


def _reason(rule: Rule, record: ParsedRecord) -> Reason:
    if rule is _WRONG_TYPE:
        return Reason(rule.name, ", ".join(record.event.wrong_type), None)
    sent = _sent(record, rule.field)
    shown = sent[:_VALUE_LENGTH] if sent is not None else None
    compared = rule.compared(record) if rule.compared is not None else None
    # if two values do not fit each other, either may be the wrong one
    return Reason(rule.name, rule.field, shown if compared is None else f"{shown}, {compared}")


def _sent(record: ParsedRecord, field: str) -> str | None:
    """The value that was sent in this field, as text."""
    if field == "value":
        return record.value
    if field == "key":
        return record.key
    fields = record.event.fields
    if field == "decadas_favoritas":
        return as_json(fields[field])
    text: str | None = fields[field]
    return record.event.raw.get(field, text)


def _missing(name: str, field: str) -> Rule:
    return Rule(name, field, lacks(field), applies=is_right_kind(field))


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
    Rule("id_missing", "id", lacks("id")),
    Rule("type_unknown", "type", is_none_of("type", TYPES)),
    Rule("timestamp_invalid", "timestamp", lacks("event_timestamp")),
    Rule("timestamp_in_future", "timestamp", is_in_future, compared=after_kafka_time),
    _WRONG_TYPE,
)
_CLASIFICACION = Rule(
    "clasificacion_unknown", "clasificacion", has_unknown_classification, applies=has("clasificacion")
)
_TITULO = _missing("titulo_missing", "titulo")
_USER = (
    _missing("nombre_usuario_missing", "nombre_usuario"),
    Rule(
        "fecha_suscripcion_invalid",
        "fecha_suscripcion",
        has_wrong_subscription,
        applies=has("fecha_suscripcion"),
        compared=after_event(is_subscribed_after_event),
    ),
    _CLASIFICACION,
    Rule(
        "decada_invalid",
        "decadas_favoritas",
        prefers_impossible_decade,
        applies=is_right_kind("decadas_favoritas"),
        compared=after_event(prefers_later_decade),
    ),
)
_MOVIE = (
    _TITULO,
    _CLASIFICACION,
    Rule(
        "decada_invalid",
        "decada_lanzamiento",
        has_impossible_decade,
        applies=has("decada_lanzamiento"),
        compared=after_event(is_released_after_event),
    ),
)
_SERIES = (
    _TITULO,
    _CLASIFICACION,
    Rule(
        "numero_temporadas_invalid",
        "numero_temporadas",
        below("temporadas", 1),
        applies=has("numero_temporadas"),
    ),
    Rule("numero_episodios_invalid", "numero_episodios", below("episodios", 1), applies=has("numero_episodios")),
    Rule("episodes_fewer_than_seasons", "numero_episodios", has_fewer_episodes_than_seasons, compared=seasons),
)
_FEEDBACK = (
    _missing("feedback_reference_missing", "user_id"),
    _missing("feedback_reference_missing", "content_id"),
    Rule("action_unknown", "action", is_none_of("action", _ACTIONS), applies=is_right_kind("action")),
    Rule("rating_out_of_range", "rating", outside("stars", 0.5, 5.0), applies=of_action("rating", "rating")),
    Rule(
        "seconds_watched_invalid",
        "seconds_watched",
        below("seconds", 0),
        applies=of_action("view", "seconds_watched"),
    ),
)
_BY_TYPE: Mapping[str, tuple[Rule, ...]] = {
    USER: (*_EVENT, *_USER),
    MOVIE: (*_EVENT, *_MOVIE),
    SERIES: (*_EVENT, *_SERIES),
    FEEDBACK: (*_EVENT, *_FEEDBACK),
}
RULE_NAMES = frozenset(rule.name for rule in chain(_VALUE, _TOMBSTONE, *_BY_TYPE.values()))
