"""The Spark settings in force, read without Spark."""

import codecs
import os
import re
from collections.abc import Mapping
from pathlib import Path

from lakehouse.configuration.text import configuration_text
from lakehouse.errors import LakehouseError, SettingsError
from lakehouse.settings import conf_dir
from lakehouse.stores import is_s3

DEFAULTS = "spark-defaults.conf"
# What a root in S3 needs besides: a laptop's sessions fetch none of its jars.
_S3 = "s3.conf"
# java.util.Properties fails on this, also in a value.
_BROKEN_ESCAPE = re.compile(r"^(?!\s*[#!])[^\n]*(?<!\\)(?:\\\\)*\\u(?![0-9A-Fa-f]{4})", re.MULTILINE)
# As java.util.Properties, which Spark uses, reads a line: the name ends at white space, = or :.
_SETTING = re.compile(r"([^\s=:]+)(?:\s*[=:]\s*|\s+)(.*)")


# Without these the jobs run but give wrong results. All other Spark settings are up to the user.
REQUIRED = {
    "spark.sql.extensions": "io.delta.sql.DeltaSparkSessionExtension",
    "spark.sql.catalog.spark_catalog": "org.apache.spark.sql.delta.catalog.DeltaCatalog",
    "spark.sql.session.timeZone": "UTC",
}

_REQUIRED_ON_S3 = {"spark.delta.logStore.s3a.impl": "lakehouse.ConditionalLogStore"}


def required_settings(store: Path | None) -> dict[str, str]:
    """The required settings of a session, with those for the store of this settings file."""
    return REQUIRED if store is None else REQUIRED | _REQUIRED_ON_S3


def store_file(root: str) -> Path | None:
    """The settings file for the root's store; None if the root needs none."""
    return defaults_file().with_name(_S3) if is_s3(root) else None


def defaults_file() -> Path:
    """The file that a session reads: the one in SPARK_CONF_DIR, else the project's."""
    return Path(os.environ.get("SPARK_CONF_DIR") or conf_dir()) / DEFAULTS


def spark_defaults(file: Path) -> dict[str, str]:
    """The settings of a Spark properties file, without comments; empty if there is no file.

    Raises SettingsError if the file cannot be read or Spark would refuse it.
    """
    if not os.path.lexists(file):
        return {}
    text = configuration_text(file)
    broken = _BROKEN_ESCAPE.search(text)
    if broken:
        line = text[: broken.start()].count("\n") + 1
        raise SettingsError(
            f"{file} has a \\u without four digits in line {line}", todo="write a backslash as two: \\\\u"
        )
    lines = [line.strip() for line in re.sub(r"\\\n\s*", "", text).splitlines()]
    pairs = [_SETTING.fullmatch(line) for line in lines if not line.startswith(("#", "!"))]
    return {pair[1]: pair[2] for pair in pairs if pair}


def readable_defaults() -> dict[str, str]:
    """A session's settings; empty if they cannot be read, for callers that need not report that."""
    try:
        return spark_defaults(defaults_file())
    except LakehouseError:
        return {}


def plain_defaults(file: Path, folder: Path, *, added: Path | None = None) -> Path:
    """The file as Spark can read it: a copy without a byte order mark, which Spark takes for part of a name.

    The settings of `added` follow, and win. Raises SettingsError if a file cannot be read.
    """
    files = [one for one in (file, added) if one is not None and os.path.lexists(one)]
    texts = [configuration_text(one) for one in files]
    if files in ([], [file]) and not any(one.read_bytes().startswith(codecs.BOM_UTF8) for one in files):
        return file
    copy = folder / DEFAULTS
    copy.write_text("\n".join(texts), encoding="utf-8")
    return copy


def lacking(settings: Mapping[str, str]) -> list[str]:
    """The names of the required settings that are missing."""
    return [name for name, wanted in REQUIRED.items() if wanted not in settings.get(name, "").split(",")]
