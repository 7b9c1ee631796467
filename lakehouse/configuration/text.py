"""The text of a settings file, whichever program saved it; an unreadable one is a one-line error that names it."""

import codecs
from pathlib import Path

from lakehouse.configuration.byte_order_marks import wide_encoding
from lakehouse.errors import SettingsError

_SAVE = "save it as UTF-8"


def configuration_text(file: Path) -> str:
    """The file's text without a byte order mark. Raises SettingsError if it cannot be read or is not UTF-8."""
    try:
        content = file.read_bytes()
    except FileNotFoundError as error:
        raise SettingsError(f"no settings file {file}", todo="create it") from error
    except IsADirectoryError as error:
        raise SettingsError(f"{file} is a folder", todo="replace it with a settings file") from error
    except OSError as error:
        raise SettingsError(f"{file} cannot be read: {error.strerror}", todo="make it a readable file") from error
    encoding = wide_encoding(content)
    if encoding:
        raise SettingsError(f"{file} is {encoding}, but settings must be UTF-8", todo=_SAVE)
    content = content.removeprefix(codecs.BOM_UTF8)
    if b"\0" in content:
        line = content[: content.index(b"\0")].count(b"\n") + 1
        raise SettingsError(
            f"{file} has a NUL byte in line {line}: it is damaged or not UTF-8", todo=f"{_SAVE}, without that byte"
        )
    try:
        return content.decode()
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        raise SettingsError(
            f"{file} is not UTF-8: byte 0x{content[error.start]:02x} in line {line}", todo=_SAVE
        ) from error
