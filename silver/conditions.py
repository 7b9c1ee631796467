"""The conditions of silver's rules: what may be wrong with a record, and what its value is compared with."""

from collections.abc import Callable, Collection
from functools import lru_cache
from typing import NamedTuple

from lakehouse.moments import LAST_MICROS, day_text, moment_text, year_of
from lakehouse.pseudonyms import NOBODY, Forgotten
from silver.parsing.wire import ParsedRecord

_FIRST_DECADE = 1870
_SECOND = 1_000_000
_DAY = 86_400 * _SECOND


class Rules(NamedTuple):
    """The settings of the rules, and the people whose records count as deletions."""

    clasificaciones: frozenset[str]
    future_tolerance_seconds: int
    forgotten: Forgotten = NOBODY


Test = Callable[[ParsedRecord, Rules], bool]
Compared = Callable[[ParsedRecord], str | None]


def lacks(name: str) -> Test:
    """Whether a field has no text, or a column no valid value."""
    return lambda record, _: record.event.fields[name] is None


def has(name: str) -> Test:
    return lambda record, _: record.event.fields[name] is not None


def is_right_kind(field: str) -> Test:
    """A value of the wrong JSON kind breaks field_wrong_type only, not the rule for missing values as well."""
    return lambda record, _: field not in record.event.wrong_type


def below(column: str, least: int) -> Test:
    """Whether a number is less than that, or none."""
    return lambda record, _: (number := record.event.fields[column]) is None or number < least


def is_in_future(record: ParsedRecord, rules: Rules) -> bool:
    latest = record.kafka_time + rules.future_tolerance_seconds * _SECOND
    moment = record.event.fields["event_timestamp"]
    return moment is not None and moment > min(latest, LAST_MICROS)


def after_kafka_time(record: ParsedRecord) -> str:
    return f"after the Kafka timestamp {moment_text(record.kafka_time)}"


def _event_day(record: ParsedRecord) -> int | None:
    """The day of the event; None if its time is invalid. timestamp_invalid covers that: nothing is after it."""
    moment = record.event.fields["event_timestamp"]
    return moment // _DAY if moment is not None else None


def after_event(is_after: Callable[[ParsedRecord], bool]) -> Compared:
    def compared(record: ParsedRecord) -> str | None:
        day = _event_day(record) if is_after(record) else None
        return f"after the event of {day_text(day)}" if day is not None else None

    return compared


def is_subscribed_after_event(record: ParsedRecord) -> bool:
    day, fecha = _event_day(record), record.event.fields["fecha"]
    return day is not None and fecha is not None and fecha > day + 1


def has_wrong_subscription(record: ParsedRecord, _rules: Rules) -> bool:
    return record.event.fields["fecha"] is None or is_subscribed_after_event(record)


def has_unknown_classification(record: ParsedRecord, rules: Rules) -> bool:
    return record.event.fields["clasificacion"] not in rules.clasificaciones


_year_of = lru_cache(maxsize=10_000)(year_of)  # most events are from a few days


def _first_year(decade: str) -> int:
    return int(decade.removesuffix("s"))


def _is_after_own_decade(decade: str | None, record: ParsedRecord) -> bool:
    day = _event_day(record)
    return decade is not None and day is not None and _first_year(decade) > _year_of(day)


def _is_impossible(decade: str | None, record: ParsedRecord) -> bool:
    return decade is None or _first_year(decade) < _FIRST_DECADE or _is_after_own_decade(decade, record)


def is_released_after_event(record: ParsedRecord) -> bool:
    return _is_after_own_decade(record.event.fields["decada"], record)


def prefers_later_decade(record: ParsedRecord) -> bool:
    return any(_is_after_own_decade(decade, record) for decade in record.event.fields["decadas"])


def has_impossible_decade(record: ParsedRecord, _rules: Rules) -> bool:
    return _is_impossible(record.event.fields["decada"], record)


def prefers_impossible_decade(record: ParsedRecord, _rules: Rules) -> bool:
    return any(_is_impossible(decade, record) for decade in record.event.fields["decadas"])


def has_fewer_episodes_than_seasons(record: ParsedRecord, _rules: Rules) -> bool:
    temporadas, episodios = record.event.fields["temporadas"], record.event.fields["episodios"]
    return temporadas is not None and episodios is not None and 1 <= episodios < temporadas


def seasons(record: ParsedRecord) -> str:
    return f"fewer than numero_temporadas {record.event.fields['temporadas']}"


def outside(column: str, least: float, most: float) -> Test:
    """Whether a number is not in this range, or none."""
    return lambda record, _: (number := record.event.fields[column]) is None or not least <= number <= most


def is_none_of(field: str, texts: Collection[str]) -> Test:
    return lambda record, _: record.event.fields[field] not in texts


def of_action(action: str, field: str) -> Test:
    """Whether the event has this action, and the action's own field is of the right kind."""

    def applies(record: ParsedRecord, _rules: Rules) -> bool:
        return record.event.fields["action"] == action and field not in record.event.wrong_type

    return applies
