"""Roots in the forms that libraries expect: a plain local path, a store's address, and their encoded forms.

A local path is just a path: not a pattern, not a URI, never decoded. The same goes for the key after a bucket.
"""

import re
import stat
import sys
import unicodedata
from pathlib import Path
from urllib.parse import quote, unquote

# A scheme has two letters or more: a single letter is a drive.
_ADDRESS = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+://")
_FILE = re.compile(r"file:(?://(?:localhost)?)?(?=/(?!/))", re.IGNORECASE)
_ONE_SLASH = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+:/(?!/)")
# host:port, possibly after a user, as Azure writes its containers; two names with a colon are a login.
_NO_LOGIN = re.compile(r"(?:[^:@]*@)?(?:\[[^\]@]*\]|[^:@]*)(?::\d*)?")
_ESCAPE = re.compile(r"%[0-9A-Fa-f]{2}")
_STORE = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+://[^/\s]+(/.*)?")
# What a person may type, but no client can write to.
_NO_STORES = ("http://", "https://", "ftp://", "ftps://", "sftp://", "ssh://")
# Linux and macOS allow names of 255 bytes and paths of 4,096 or 1,024: this leaves room for what we add.
_NAME_BYTES, _PATH_BYTES = 255, 3_500


def is_address(path: str) -> bool:
    """Whether this is in a store, such as s3a://bucket/lakehouse, and not a folder on this machine."""
    return _ADDRESS.match(path) is not None


def decoded_file_address(address: str) -> str:
    """The local path of `file:///some%20folder` (RFC 8089). Raises ValueError saying what was expected."""
    marked = _FILE.match(address)
    if marked is None:
        raise ValueError("a path of this machine with three slashes, such as file:///data/lakehouse")
    path = address[marked.end() :]
    if "#" in path or "?" in path:
        raise ValueError("%23 for # and %3F for ? in a file: address, or the path without file://")
    try:
        return unquote(path, errors="strict")
    except UnicodeDecodeError as error:
        raise ValueError("escapes that are UTF-8 in a file: address, or the path without file://") from error


def encoded_address(address: str) -> str:
    """The address as a URI parser expects it, with the key, whose characters are all literal, percent-encoded."""
    scheme, _, rest = address.partition("://")
    bucket, slash, key = rest.partition("/")
    return f"{scheme}://{bucket}{slash}{quote(key)}"


def output_path(text: str) -> str:
    """A file to write as a user names it: an absolute path, also for a `file:` address, or a store's address.

    Raises ValueError saying what was expected.
    """
    if text.lower().startswith("file:"):
        return str(Path(decoded_file_address(text)).absolute())
    if _ONE_SLASH.match(text):
        raise ValueError("an address with two slashes, such as s3a://bucket/report.html, or ./ before a path")
    if not is_address(text):
        if text.endswith("/"):
            raise ValueError("a file, and not a folder, such as ./report.html")
        return str(Path(text).absolute())
    wanted = expected_address(text)
    if wanted is None and (text.endswith("/") or "/" not in text.partition("://")[2]):
        wanted = "an address of a file, such as s3a://bucket/report.html"
    if wanted:
        raise ValueError(wanted)
    return text


def control_character(text: str) -> str | None:
    """The first character that would break a line, move a cursor, or not be UTF-8; None if there is none."""
    return next((one for one in text if unicodedata.category(one) in ("Cc", "Cs", "Zl", "Zp")), None)


def expected_address(address: str) -> str | None:
    """What is expected instead, if this address of a store has a login or means different places; else None."""
    if not _STORE.fullmatch(address):
        return "an address with a bucket, such as s3a://bucket/lakehouse, or a path of this machine"
    if address.startswith(_NO_STORES):
        return (
            "an address of a store, such as s3a://bucket/lakehouse, abfss:// or gs://, or a path of this machine"
        )
    if not address.partition("://")[0].islower():
        return "a scheme in lower case, such as s3a://bucket/lakehouse"
    bucket, _, key = address.partition("://")[2].rstrip("/").partition("/")
    if "@" in address and not _NO_LOGIN.fullmatch(bucket):
        return "no login in the address; Spark's settings and the environment have the store's credentials"
    if key and not {"", ".", ".."}.isdisjoint(key.split("/")):
        # Hadoop resolves them, pyarrow reads them as names
        return "an address whose parts after the bucket are not empty, not . and not .."
    return None


def expected_literal(path: str) -> str | None:
    """What is expected instead, if delta-rs would take part of this path for an escape; else None."""
    match = _ESCAPE.search(path)
    return f"a folder without {match[0]}, which delta-rs reads as an escaped character" if match else None


def _file_in(path: str) -> str | None:
    """The first part of this absolute path that is there and is no folder."""
    return next((str(part) for part in (*reversed(Path(path).parents), Path(path)) if _is_no_folder(part)), None)


def _is_no_folder(path: Path) -> bool:
    try:
        return not stat.S_ISDIR(path.stat().st_mode)
    except OSError:
        return False


def expected_folder(path: str) -> str | None:
    """What is expected instead, if Spark, Kafka or another reader cannot use this absolute path; else None."""
    character = control_character(path)
    if character:
        return f"a folder without line breaks and other control characters, and not U+{ord(character):04X}"
    if not path.isascii() and sys.getfilesystemencoding() != "utf-8":
        return "a folder in ASCII, or the environment variable LC_ALL=C.UTF-8"
    if "\\" in path:
        return "a folder without a backslash, which other readers take for a slash"
    if expected_literal(path):
        return expected_literal(path)
    if any(len(name.encode()) > _NAME_BYTES for name in path.split("/")):
        return f"a folder whose names have at most {_NAME_BYTES} bytes each"
    if len(path.encode()) > _PATH_BYTES:
        return f"a folder whose path has at most {_PATH_BYTES:,} bytes"
    file = _file_in(path)
    return f"a folder, and {file} is none" if file else None
