"""The value of a Kafka record as an event: cleaned text, typed values, and what does not belong. Plain Python."""

from collections.abc import Mapping
from typing import Any, NamedTuple

from lakehouse.text import escaped
from silver.parsing.fields import EMPTY, ENVELOPE, FIELDS, TYPES, Field, names_of
from silver.parsing.regular import read_regular
from silver.parsing.strict_json import as_text, parse_object
from silver.parsing.texts import NESTED, item_text, scalar

_BY_NAME = {field.name: field for field in FIELDS}
# The fields whose typed values belong to some types or actions only.
_FOREIGN = [
    (field.name, field.action, field.typed.column)
    for field in FIELDS
    if field.typed is not None and field.types != TYPES
]
_NAMES = {event_type: names_of(event_type) for event_type in TYPES}
_SAMPLE_LENGTH = 200
# Per record: a single record could have a hundred thousand unknown names.
_MOST_UNKNOWN = 100


class Unknown(NamedTuple):
    """A field that the event's type does not have, and the first characters of its value."""

    field: str
    sample: str | None


class Event(NamedTuple):
    """The content of a record's value; all empty if the value is not a JSON object.

    `fields` has all columns of `silver.parsing.fields.EMPTY`: strings cleaned (`lakehouse.text`), arrays without
    empty or repeated items. A scalar is None if it is blank, absent or of the wrong JSON kind; a typed value also
    if it is invalid, or if the event's type or action does not have the field.
    `raw` has each single value whose cleaned text differs from what was sent, as sent. `wrong_type` names the
    type's fields of the wrong JSON kind.
    """

    is_object: bool
    fields: Mapping[str, Any]
    raw: dict[str, str]
    wrong_type: list[str]
    unknown_fields: list[Unknown]


_NOTHING = Event(is_object=False, fields=EMPTY, raw={}, wrong_type=[], unknown_fields=[])


def read_event(value: str | None) -> Event:
    """Parse the value of a Kafka record; None is a record without a value."""
    fields = read_regular(value) if value is not None else None
    if fields is not None:
        return Event(True, fields, {}, [], [])
    return read_any(value) if value is not None else _NOTHING


def read_any(value: str) -> Event:
    """The same for any value, regular or not."""
    document = parse_object(value)
    if document is None:
        return _NOTHING
    fields = EMPTY.copy()
    raw: dict[str, str] = {}
    wrong: list[str] = []
    for name, sent in document.items():
        field = _BY_NAME.get(name)
        if field is None or sent is None:
            continue
        is_right = _read_array(field, sent, fields) if field.is_array else _read_scalar(field, sent, fields, raw)
        if not is_right:
            wrong.append(name)
    known = _NAMES.get(fields["type"] or "", frozenset())
    _drop_foreign(fields, known)
    return Event(
        True,
        fields,
        raw,
        _of_this_type(wrong, known) if wrong else [],
        [] if document.keys() <= known else _unknown_fields(document, known),
    )


def _drop_foreign(fields: dict[str, Any], known: frozenset[str]) -> None:
    """Remove the typed values of fields that this event's type or action does not have."""
    for name, action, column in _FOREIGN:
        if fields[column] != EMPTY[column] and (name not in known or action not in (None, fields["action"])):
            fields[column] = EMPTY[column]


def _read_scalar(field: Field, sent: Any, fields: dict[str, Any], raw: dict[str, str]) -> bool:
    """Add a single value to `fields`, and return whether it is one."""
    text = scalar(sent)
    if text != sent:
        raw[field.name] = as_text(sent)
    if text is None:
        return not isinstance(sent, NESTED)
    fields[field.name] = text
    if field.typed is not None:
        fields[field.typed.column] = field.typed.read(text)
    return True


def _read_array(field: Field, sent: Any, fields: dict[str, Any]) -> bool:
    """Add the items of an array to `fields`, and return whether it is an array of scalars only."""
    items, is_right = _items(sent) if isinstance(sent, list) else ([], False)
    fields[field.name] = items
    if field.typed is not None:
        fields[field.typed.column] = field.typed.read_items(items)
    return is_right


def _items(sent: list[Any]) -> tuple[list[str], bool]:
    """The cleaned items, and whether all of them are scalars."""
    try:
        unique, is_right = dict.fromkeys(map(item_text, sent)), True
    except TypeError:  # arrays and objects cannot be looked up
        unique = dict.fromkeys(map(scalar, sent))
        is_right = False
    return [text for text in unique if text is not None], is_right


def _of_this_type(wrong: list[str], known: frozenset[str]) -> list[str]:
    """The wrong-kind fields that this event type defines, in wire-format order."""
    return [name for name in _BY_NAME if name in wrong and name in (known or ENVELOPE)]


def _unknown_fields(document: dict[str, Any], known: frozenset[str]) -> list[Unknown]:
    """The first unknown fields by name; none if the type itself is unknown."""
    names = sorted(name for name in document if name not in known)[:_MOST_UNKNOWN] if known else []
    samples = {escaped(name): _sample(document[name]) for name in names}
    return [Unknown(name, sample) for name, sample in samples.items()]


def _sample(value: Any) -> str | None:
    # NFC may shorten a text, but hardly to a fifth
    return escaped(as_text(value)[: 5 * _SAMPLE_LENGTH])[:_SAMPLE_LENGTH] if value is not None else None
