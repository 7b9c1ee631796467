"""Where settings come from: files, and the environment, which wins. Each value keeps its origin."""

import difflib
import json
import os
import tomllib
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from lakehouse.configuration.text import configuration_text
from lakehouse.errors import SettingsError

PREFIX = "LAKEHOUSE_"


class Sources(NamedTuple):
    """All values as one nested mapping, and the origin of each key: a file or a variable.

    A plain value in place of one of `sections` stays, to be reported: no setting of that section overwrites it.
    """

    values: dict[str, Any]
    origins: dict[str, str]
    sections: Collection[str]


def variable(key: str) -> str:
    """The environment variable of `section.key`."""
    return PREFIX + key.replace(".", "__").upper()


def read_sources(
    files: Sequence[Path],
    *,
    keys: Collection[str],
    lists: Collection[str],
    secrets: Collection[str],
    others: Sequence[str],
) -> Sources:
    """Read the files, then the environment. `others` are variables with our prefix that are not settings.

    Raises SettingsError for a file that cannot be read or holds a secret, for an unknown variable, and for a list
    in the environment that is not JSON.
    """
    chosen = _environment(keys, others)
    sources = Sources({}, {}, {key[:end] for key in keys for end, sign in enumerate(key) if sign == "."})
    for file in files:
        content = _parsed(file)
        _refuse_secrets(file, content, secrets)
        _lay_over(sources, content, str(file))
    faults = []
    for key, (name, text) in chosen.items():
        value: Any = text
        if key in lists:
            value = _json_list(text)
            if value is None:
                faults.append(
                    f"setting {key} = {shown(text)}: expected a JSON list in {name}, such as {_example(text)}"
                )
        _put(sources, key.split("."), value, name)
    if faults:
        raise SettingsError("; ".join(faults), todo="write lists as JSON in the environment")
    return sources


def shown(value: object) -> str:
    """A value in a message: quoted, and at most one line long."""
    text = repr(value)
    return text if len(text) <= 100 else f"{text[:97]}..."


def _parsed(file: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(configuration_text(file))
    except tomllib.TOMLDecodeError as error:
        raise SettingsError(f"{file} is not valid TOML: {error}", todo="correct that line") from error
    except (ValueError, RecursionError) as error:
        # numbers with thousands of digits, deeply nested lists
        raise SettingsError(f"{file} cannot be read as TOML: {type(error).__name__}", todo="correct it") from error


def _refuse_secrets(file: Path, content: Mapping[str, Any], secrets: Collection[str]) -> None:
    for key in secrets:
        value: object = content
        for part in key.split("."):
            value = value.get(part) if isinstance(value, dict) else None
        if value:
            other = " or kafka.sasl_password_file" if key == "kafka.sasl_password" else ""
            raise SettingsError(f"{file} holds {key}", todo=f"remove it and set {variable(key)}{other}")


def _environment(keys: Collection[str], others: Sequence[str]) -> dict[str, tuple[str, str]]:
    """The name and text of each key's variable, if set. A misspelt variable must not pass."""
    known = {variable(key): key for key in keys}
    origins: dict[str, tuple[str, str]] = {}
    for name in sorted(os.environ):
        capitals = name.upper()
        if not capitals.startswith(PREFIX) or name in others:
            continue
        key = known.get(capitals)
        if key is None:
            close = difflib.get_close_matches(capitals, [*known, *others], n=1)
            hint = f"did you mean {close[0]}?" if close else "conf/lakehouse.toml lists all settings"
            raise SettingsError(f"unknown setting {name} in the environment", todo=hint)
        if key in origins:
            raise SettingsError(f"{origins[key][0]} and {name} are the same setting", todo="keep one of them")
        origins[key] = (name, os.environ[name])
    return origins


def _json_list(text: str) -> list[Any] | None:
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, list) else None


def _example(text: str) -> str:
    """What was probably meant, as JSON."""
    items = [item for item in (part.strip(" \t\"'[]()") for part in text.split(",")) if item]
    numbers = all(item.isdecimal() for item in items)
    example = f"[{', '.join(items)}]" if numbers else json.dumps(items)
    return example if items and len(example) <= 60 else '["G", "PG"]'


def _lay_over(sources: Sources, content: Mapping[str, Any], origin: str, *sections: str) -> None:
    for name, value in content.items():
        if isinstance(value, dict):
            _section(sources, (*sections, name))
            _lay_over(sources, value, origin, *sections, name)
        else:
            _put(sources, (*sections, name), value, origin)


def _put(sources: Sources, path: Sequence[str], value: Any, origin: str) -> None:
    section = _section(sources, path[:-1])
    if section is not None:
        section[path[-1]] = value
        sources.origins[".".join(path)] = origin


def _section(sources: Sources, path: Sequence[str]) -> dict[str, Any] | None:
    """The mapping at that path, created if missing; None if a plain value stands in place of a section."""
    values = sources.values
    for depth, name in enumerate(path, 1):
        if not isinstance(values.get(name), dict):
            if name in values and ".".join(path[:depth]) in sources.sections:
                return None
            values[name] = {}
        values = values[name]
    return values
