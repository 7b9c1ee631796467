"""Which version of this project last created or changed tables under a root: the file lakehouse.json in it.

Without the file it was 0.1.0. Versions that differ only in their third number have the same tables.
"""

import json
import re
from contextlib import suppress

from lakehouse.errors import InputError, TableError
from lakehouse.exports import write_file
from lakehouse.folders import open_folder
from lakehouse.version import VERSION

NAME = "lakehouse.json"


def root_version(root: str) -> str | None:
    """The version in the root's file; None if there is no file. Raises TableError if it cannot be understood."""
    try:
        text = open_folder(root).read_text(NAME)
    except FileNotFoundError:
        return None
    with suppress(ValueError, TypeError, KeyError):
        version = json.loads(text)["version"]
        _tables_of(version)
        return str(version)
    raise TableError(
        f"{root}/{NAME} is damaged: it names no version",
        todo=f"delete it if no version later than {VERSION} has written there",
    )


def require_known_version(root: str) -> None:
    """Raise TableError if a later version than this one has changed the tables under the root.

    A root that cannot be reached is left to those who need its tables: a stream waits for its store.
    """
    with suppress(OSError, InputError):
        _refuse_later(root, root_version(root))


def record_version(root: str) -> None:
    """Record that this version creates or changes tables under the root. Raises TableError as above."""
    found = root_version(root)
    _refuse_later(root, found)
    if found != VERSION:
        write_file(f"{root}/{NAME}", json.dumps({"version": VERSION}).encode())


def _refuse_later(root: str, found: str | None) -> None:
    if found is not None and _tables_of(found) > _tables_of(VERSION):
        raise TableError(
            f"{root} has tables of version {found} of the lakehouse, and this is version {VERSION}",
            todo=f"install version {found} or later",
        )


def _tables_of(version: str) -> tuple[int, int]:
    """The part of a version that says which tables it has."""
    match = re.fullmatch(r"(\d+)\.(\d+)(\.\w+)*", version)
    if match is None:
        raise ValueError(version)
    return int(match[1]), int(match[2])
