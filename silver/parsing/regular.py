"""Events as producers send them, read fast: as typed structs, not as dictionaries whose values may be anything.

A shortcut for `silver.parsing.events`, which reads all other values in general: both give the same result.
"""

from collections.abc import Callable
from functools import lru_cache, reduce
from operator import or_
from typing import Any, NamedTuple

import msgspec
from msgspec.structs import astuple
from pyspark.sql.types import NumericType

from lakehouse.text import cleaned
from silver.parsing.fields import EMPTY, FIELDS, TYPES, Field
from silver.parsing.strict_json import Number, parse_object
from silver.parsing.texts import LONGEST_KEPT, item_text


def _clean_text(sent: str) -> str | None:
    return sent if cleaned(sent) == sent else None


def _clean_items(sent: list[str]) -> list[str] | None:
    is_clean = list(map(item_text, sent)) == sent
    return sent if is_clean and len(set(sent)) == len(sent) else None


def _number_text(sent: msgspec.Raw) -> str | None:
    json = bytes(sent)
    return _text_of(json) if len(json) <= LONGEST_KEPT else None


@lru_cache(maxsize=10_000)  # seasons, episodes and ratings repeat
def _text_of(json: bytes) -> str | None:
    parsed = parse_object(f'{{"number":{json.decode()}}}')
    sent = parsed["number"] if parsed is not None else None
    return str(sent) if isinstance(sent, Number) else None


class _Reader(NamedTuple):
    """How a field is read: the kind it is decoded as, and the column of its typed value, if it has one.

    `clean` returns its text or items, or None if silver would store others.
    """

    name: str
    kind: Any
    clean: Callable[[Any], Any]
    column: str
    read: Callable[[Any], Any] | None
    action: str | None


def _reader(field: Field) -> _Reader:
    typed = field.typed
    kind: tuple[Any, Callable[[Any], Any]] = (str, _clean_text)
    if field.is_array:
        kind = (list[str], _clean_items)
    elif typed is not None and isinstance(typed.kind, NumericType):
        kind = (msgspec.Raw, _number_text)
    if typed is None:
        return _Reader(field.name, *kind, "", None, None)
    return _Reader(
        field.name, *kind, typed.column, typed.read_items if field.is_array else typed.read, field.action
    )


# The fields of each type except `type` itself, an event's action before the values that belong to one.
_READERS = {
    event_type: [_reader(field) for field in FIELDS if event_type in field.types and field.name != "type"]
    for event_type in TYPES
}


def _struct(event_type: str) -> Any:
    members = [(reader.name, reader.kind, None) for reader in _READERS[event_type]]
    return msgspec.defstruct(event_type, members, tag_field="type", tag=event_type, forbid_unknown_fields=True)


_DECODER = msgspec.json.Decoder(reduce(or_, map(_struct, TYPES)))


def read_regular(value: str) -> dict[str, Any] | None:
    """The fields of an event that has only those of its type, of the right kind, each as it would be stored.

    None for any other value, which may be valid as well.
    """
    if "\\" in value:
        return None
    try:
        event = _DECODER.decode(value)
    except (ValueError, RecursionError):  # not of this form; as deep as no event is
        return None
    event_type = type(event).__name__
    fields = EMPTY.copy()
    fields["type"] = event_type
    strings = 2
    for (name, kind, clean, column, read, action), sent in zip(_READERS[event_type], astuple(event), strict=True):
        if sent is None:
            continue
        cleaned = clean(sent)
        if cleaned is None:
            return None
        fields[name] = cleaned
        strings += 2 if kind is str else 1 if kind is msgspec.Raw else 1 + len(sent)
        if read is not None and (action is None or action == fields["action"]):
            fields[column] = read(cleaned)
    # without escapes, each string has two quotes; there are more if a name occurs twice, of which one was read
    return fields if value.count('"') == 2 * strings else None
