"""The settings of the tests' sessions and processes: the project's own, and those that make small jobs cheap."""

import shutil
from pathlib import Path

from lakehouse.spark.defaults import DEFAULTS
from tests.support.folders import PROJECT

SMALL_JOBS = PROJECT / "tests" / "support" / "spark.conf"


def make_settings_folder(folder: Path, *added: Path) -> Path:
    """A copy of conf/ whose Spark settings are followed by those of these files, which win."""
    shutil.copytree(PROJECT / "conf", folder)
    with (folder / DEFAULTS).open("a", encoding="utf-8") as defaults:
        defaults.writelines(file.read_text(encoding="utf-8") for file in added)
    return folder
