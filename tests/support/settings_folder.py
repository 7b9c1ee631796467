"""The settings of the tests' sessions: the project's own, and those that make small jobs cheap."""

import shutil
from pathlib import Path

from lakehouse.spark.defaults import DEFAULTS
from tests.support.folders import PROJECT

ADDED = PROJECT / "tests" / "support" / "spark.conf"


def make_settings_folder(folder: Path) -> Path:
    """A copy of conf/ whose Spark settings are followed by those of tests/support/spark.conf, which win."""
    shutil.copytree(PROJECT / "conf", folder)
    with (folder / DEFAULTS).open("a", encoding="utf-8") as defaults:
        defaults.write(ADDED.read_text(encoding="utf-8"))
    return folder
