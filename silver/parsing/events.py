"""The wire format, and one record of it as cleaned, typed fields. Plain Python, no Spark."""

import re
from typing import Any, NamedTuple

from lakehouse.moments import calendar_date, event_time
from lakehouse.text import cleaned, escaped
from silver.parsing.strict_json import as_json, as_text, parse_object

ENVELOPE = ("id", "type", "timestamp")


class Fields(NamedTuple):
    """The fields of a type besides the envelope, by JSON kind."""

    scalars: tuple[str, ...]
    arrays: tuple[str, ...]


_PEOPLE_AND_GENRES = ("generos", "directores", "actores")
_FIELDS = {
    "user": Fields(
        ("nombre_usuario", "fecha_suscripcion", "clasificacion"), (*_PEOPLE_AND_GENRES, "decadas_favoritas")
    ),
    "movie": Fields(("titulo", "clasificacion", "decada_lanzamiento"), _PEOPLE_AND_GENRES),
    "series": Fields(("titulo", "clasificacion", "numero_temporadas", "numero_episodios"), _PEOPLE_AND_GENRES),
    "feedback": Fields(("user_id", "content_id", "action", "rating", "seconds_watched"), ()),
}
TYPES = tuple(_FIELDS)
SCALARS = tuple(dict.fromkeys([*ENVELOPE, *(name for fields in _FIELDS.values() for name in fields.scalars)]))
ARRAYS = tuple(dict.fromkeys(name for fields in _FIELDS.values() for name in fields.arrays))
_KNOWN = {kind: frozenset((*ENVELOPE, *fields.scalars, *fields.arrays)) for kind, fields in _FIELDS.items()}

# An integer sent as a number or a string; 3.0 is an integer, 2.5 is not.
_INTEGER = re.compile(r"([0-9]+)(?:\.0+)?")
_NUMBER = re.compile(r"[+-]?[0-9]+(\.[0-9]+)?([eE][+-]?[0-9]+)?")
_DECADE = re.compile("([0-9]{3}0)s?")
_LARGEST_INT = 2**31 - 1
_SAMPLE_LENGTH = 200
_NESTED = (dict, list)
# Per record: a single record could have a hundred thousand unknown names.
_MOST_UNKNOWN = 100


class Unknown(NamedTuple):
    """A field that the event's type does not have, and the first characters of its value."""

    field: str
    sample: str | None


class Event(NamedTuple):
    """The content of a record's value; all empty if the value is not a JSON object.

    `scalars` and `arrays` hold the fields in the order of SCALARS and ARRAYS: strings cleaned
    (`lakehouse.text`), None if blank, absent or of another JSON kind; arrays without empty or repeated items.
    `raw` has each scalar field whose cleaned text differs from what was sent, as sent. `wrong_type` names the
    type's fields of the wrong JSON kind. Times are microseconds, dates days since 1970; None if invalid.
    """

    is_object: bool
    scalars: tuple[str | None, ...]
    arrays: tuple[list[str], ...]
    raw: dict[str, str]
    wrong_type: list[str]
    unknown_fields: list[Unknown]
    event_time: int | None
    fecha: int | None
    decada: str | None
    decadas: list[str | None]
    temporadas: int | None
    episodios: int | None
    seconds: int | None
    stars: float | None


_NOTHING = Event(
    is_object=False,
    scalars=(None,) * len(SCALARS),
    arrays=([],) * len(ARRAYS),
    raw={},
    wrong_type=[],
    unknown_fields=[],
    event_time=None,
    fecha=None,
    decada=None,
    decadas=[],
    temporadas=None,
    episodios=None,
    seconds=None,
    stars=None,
)


def read_event(value: str | None) -> Event:
    """Parse the value of a Kafka record; None is a record without a value."""
    document = parse_object(value) if value is not None else None
    if document is None:
        return _NOTHING
    texts: dict[str, str | None] = dict.fromkeys(SCALARS)
    arrays: dict[str, list[str]] = {name: [] for name in ARRAYS}
    raw: dict[str, str] = {}
    wrong: list[str] = []
    for name, found in document.items():
        if name in texts:
            texts[name] = clean = _scalar(found)
            if found is not None and found != clean:
                raw[name] = as_text(found)
                if isinstance(found, _NESTED):
                    wrong.append(name)
        elif name in arrays and found is not None:
            arrays[name], is_right = _items(found)
            if not is_right:
                wrong.append(name)
    known = _KNOWN.get(texts["type"] or "", frozenset())
    return Event(
        True,
        tuple(texts.values()),
        tuple(arrays.values()),
        raw,
        _of_this_type(wrong, known) if wrong else [],
        [] if document.keys() <= known else _unknown_fields(document, known),
        event_time(texts["timestamp"]),
        calendar_date(texts["fecha_suscripcion"]),
        decade(texts["decada_lanzamiento"]),
        [decade(item) for item in arrays["decadas_favoritas"]],
        integer(texts["numero_temporadas"]),
        integer(texts["numero_episodios"]),
        integer(texts["seconds_watched"]),
        _number(texts["rating"]),
    )


def integer(text: str | None) -> int | None:
    """An INT from digits; None for anything else and for numbers beyond an INT's range."""
    found = _INTEGER.fullmatch(text) if text is not None else None
    # skip longer digit strings: Python refuses to convert strings of some thousands of digits
    digits = found[1].lstrip("0") if found else ""
    if not found or len(digits) > len(str(_LARGEST_INT)):
        return None
    number = int(digits or "0")
    return number if number <= _LARGEST_INT else None


def decade(text: str | None) -> str | None:
    """`1990s` from `1990s` or `1990`; None for anything else."""
    found = _DECADE.fullmatch(text) if text is not None else None
    return f"{found[1]}s" if found else None


def _number(text: str | None) -> float | None:
    return float(text) if text is not None and _NUMBER.fullmatch(text) else None


def _scalar(value: Any) -> str | None:
    """The cleaned text of a scalar; None for an array or object."""
    if isinstance(value, str):
        return cleaned(value)
    return None if value is None or isinstance(value, _NESTED) else cleaned(as_json(value))


def _items(value: Any) -> tuple[list[str], bool]:
    """The cleaned items of an array, and whether the value is an array of scalars only."""
    if not isinstance(value, list):
        return [], False
    texts: dict[str, None] = {}
    is_right = True
    for item in value:
        text = _scalar(item)
        if text is not None:
            texts[text] = None
        elif isinstance(item, _NESTED):
            is_right = False
    return list(texts), is_right


def _of_this_type(wrong: list[str], known: frozenset[str]) -> list[str]:
    """The wrong-kind fields that this event type defines, in wire-format order."""
    return [name for name in (*SCALARS, *ARRAYS) if name in wrong and name in (known or ENVELOPE)]


def _unknown_fields(document: dict[str, Any], known: frozenset[str]) -> list[Unknown]:
    """The first unknown fields by name; none if the type itself is unknown."""
    names = sorted(name for name in document if name not in known)[:_MOST_UNKNOWN] if known else []
    samples = {escaped(name): _sample(document[name]) for name in names}
    return [Unknown(name, sample) for name, sample in samples.items()]


def _sample(value: Any) -> str | None:
    # NFC may shorten a text, but hardly to a fifth
    return escaped(as_text(value)[: 5 * _SAMPLE_LENGTH])[:_SAMPLE_LENGTH] if value is not None else None
