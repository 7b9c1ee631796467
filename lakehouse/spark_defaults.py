"""The settings of Spark that are in force, read without Spark."""

import os
import re
from pathlib import Path

from lakehouse.settings import conf_dir

DEFAULTS = "spark-defaults.conf"
# As java.util.Properties reads a line, which Spark uses: the name ends at white space, = or :.
_SETTING = re.compile(r"([^\s=:]+)(?:\s*[=:]\s*|\s+)(.*)")


def defaults_file() -> Path:
    """The file that a session reads: SPARK_CONF_DIR's own, else the project's."""
    return Path(os.environ.get("SPARK_CONF_DIR") or conf_dir()) / DEFAULTS


def spark_defaults(file: Path) -> dict[str, str]:
    """The settings of a Spark properties file, comments left out; none where there is no file."""
    if not file.is_file():
        return {}
    text = re.sub(r"\\\n\s*", "", file.read_text(encoding="utf-8"))
    lines = [line.strip() for line in text.splitlines()]
    pairs = [_SETTING.fullmatch(line) for line in lines if not line.startswith(("#", "!"))]
    return {pair[1]: pair[2] for pair in pairs if pair}
