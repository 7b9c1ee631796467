"""JSON, stricter than RFC 8259: a single object, unique names, valid Unicode."""

import json
import re
from decimal import Decimal
from typing import Any, NoReturn

# Deeper documents are refused: how deep Python can parse depends on its version, and a verdict must not.
DEEPEST = 200
_EXPONENT = re.compile("[eE][+-]?0*([0-9]+)$")
# Larger exponents are kept as exponents: written out, ten characters could fill the memory.
_EXPONENT_DIGITS = 2
# JSON's own, which is less than Python's.
_WHITE_SPACE = " \t\n\r"
_SURROGATE = re.compile(r"\\u[dD][89a-fA-F]")


class Number(str):
    """A JSON number with all significant digits: 12345678901234567890; 7 for 7.0 or 70e-1."""

    __slots__ = ()


def parse_object(text: str) -> dict[str, Any] | None:
    """The object in the text, or None if the text is not a single strict JSON object.

    Values are dict, list, str, Number, bool or None. Stricter than Python's own parser: no NaN, no duplicate names
    in an object, no lone surrogates, nothing nested deeper than DEEPEST levels.
    """
    stripped = text.strip(_WHITE_SPACE)
    try:
        parsed, end = _DECODER.raw_decode(stripped)
    except (ValueError, RecursionError):
        return None
    if end < len(stripped) or not isinstance(parsed, dict) or _is_too_deep(text, parsed):
        return None
    if "\\u" in text and _SURROGATE.search(text) and not is_unicode(as_json(parsed)):
        return None
    return parsed


def as_text(value: Any) -> str:
    """A value as text: a string as it is, everything else as JSON."""
    return value if isinstance(value, str) else as_json(value)


def as_json(value: Any) -> str:
    """The shortest JSON of a parsed value."""
    if isinstance(value, Number):
        return str(value)
    if isinstance(value, dict):
        return "{" + ",".join([f"{as_json(name)}:{as_json(item)}" for name, item in value.items()]) + "}"
    if isinstance(value, list):
        return "[" + ",".join([as_json(item) for item in value]) + "]"
    return json.dumps(value, ensure_ascii=False)


def _members(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise ValueError("a name occurs twice")
    return members


def _fraction(text: str) -> Number:
    """Without exponent and trailing zeros, so that equal numbers are equal texts."""
    exponent = _EXPONENT.search(text)
    if exponent is not None:
        if len(exponent[1]) > _EXPONENT_DIGITS:
            return Number(text)
        text = format(Decimal(text), "f")
    return Number(text.rstrip("0").rstrip(".") if "." in text else text)


def _refuse(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is not JSON")


def _is_too_deep(text: str, parsed: dict[str, Any]) -> bool:
    if text.count("[") + text.count("{") <= DEEPEST:
        return False
    level: list[Any] = [parsed]
    for _ in range(DEEPEST):
        level = [
            item
            for value in level
            for item in (value.values() if isinstance(value, dict) else value)
            if isinstance(item, dict | list)
        ]
        if not level:
            return False
    return True


def is_unicode(text: str) -> bool:
    """Whether the text can be encoded: Python strings can hold a lone surrogate, which UTF-8 cannot encode."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


_DECODER = json.JSONDecoder(
    object_pairs_hook=_members, parse_float=_fraction, parse_int=Number, parse_constant=_refuse
)
