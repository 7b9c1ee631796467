"""pydantic's validation errors as one readable line."""

from collections.abc import Collection, Mapping, Sequence
from types import MappingProxyType
from typing import Any

from pydantic import BaseModel, ValidationError

from lakehouse.configuration.sources import shown
from lakehouse.errors import SettingsError

# Python's tuples are lists to those who write settings.
_LISTS = {"tuple_type": "expected a list", "too_short": "expected a list with at least one item"}
_NOTHING: Mapping[str, str] = MappingProxyType({})


def settings_error(
    error: ValidationError, *, source: str, secrets: Collection[str] = (), origins: Mapping[str, str] = _NOTHING
) -> SettingsError:
    """Every validation error in one line, each with the key, what was got and what was expected.

    `origins` names the file or variable that set a key, `source` the file in which keys are missing.
    Values of the keys in `secrets`, and whole sections, which may contain one, are not shown.
    """
    faults, places = [], []
    found = error.errors()
    for fault in found:
        if fault["type"] == "too_short" and any(_is_item(other["loc"], fault["loc"]) for other in found):
            continue  # pydantic does not count the wrong items of a list
        key = ".".join(str(part) for part in fault["loc"])
        faults.append(_message(key, fault, secrets))
        places.append(_origin(key, origins) or f"{source} or the LAKEHOUSE_ environment variable")
    return SettingsError("; ".join(faults), todo=f"correct {' and '.join(dict.fromkeys(places))}")


def _is_item(part: Sequence[object], whole: Sequence[object]) -> bool:
    return len(part) > len(whole) and part[: len(whole)] == whole


def _message(key: str, fault: Mapping[str, Any], secrets: Collection[str]) -> str:
    kind, given = fault["type"], fault["input"]
    if kind == "extra_forbidden":
        return f"unknown setting {key}"
    if kind == "missing":
        return f"missing setting {key}"
    if kind == "value_error":  # a section's own check, whose message is complete
        return str(fault["ctx"]["error"])
    if kind == "model_type":
        return f"{key} is a section of settings, not a setting"
    expected = _LISTS.get(kind) or _sentence(fault["msg"])
    if key in secrets or kind == "hidden" or isinstance(given, (dict, BaseModel)):
        return f"setting {key}: {expected}"
    return f"setting {key} = {shown(given)}: {expected}"


def _origin(key: str, origins: Mapping[str, str]) -> str | None:
    """Where the setting came from; a fault in a list has the item's index after the key."""
    while key and key not in origins:
        key = key.rpartition(".")[0]
    return origins.get(key)


def _sentence(message: str) -> str:
    """The message as part of a line; text that it quotes keeps its capitals."""
    return message[:1].lower() + message[1:]
