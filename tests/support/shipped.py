"""The archives of `make dist`, and a Python that has nothing else, like an executor's."""

import subprocess
import sys
import tarfile
from pathlib import Path
from shutil import copy
from typing import NamedTuple

import pyspark

from lakehouse.spark.shipping import CODE, ENVIRONMENT

SPARK_HOME = Path(pyspark.__file__).parent


class Shipped(NamedTuple):
    """A folder with the wheel and what was made from it."""

    folder: Path

    @property
    def code(self) -> Path:
        return self.folder / CODE

    @property
    def environment(self) -> Path:
        return self.folder / ENVIRONMENT

    def unpacked(self, folder: Path) -> Path:
        """The environment, unpacked into the folder."""
        with tarfile.open(self.environment) as archive:
            archive.extractall(folder, filter="data")
        return folder


def ship(wheel: Path, folder: Path) -> Shipped:
    """Make the archives as `make dist` does."""
    folder.mkdir()
    copied = copy(wheel, folder)
    subprocess.run([sys.executable, "-m", "lakehouse.spark.shipping", str(copied)], check=True)
    return Shipped(folder)


def bare_python(folder: Path) -> Path:
    """A new Python without any package; its folder goes on a PATH."""
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(folder)], check=True)
    return folder / "bin" / "python3"


def pyspark_of_spark() -> list[str]:
    """What Spark itself puts on the path of its Python workers."""
    return [str(file) for file in (SPARK_HOME / "python" / "lib").glob("*.zip")]
