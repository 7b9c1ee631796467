"""What brings this project to the executors of a cluster, made from its wheel: `make dist`.

python -m lakehouse.spark.shipping dist/streaming_lakehouse-0.1.0-py3-none-any.whl
"""

import argparse
import shutil
import tarfile
import zipfile
from collections.abc import Iterator, Sequence
from importlib.metadata import PackagePath, distribution
from pathlib import Path

from lakehouse.atomic_write import atomic_write

CODE, ENVIRONMENT = "lakehouse.zip", "environment.tar.gz"
# What the functions that run on executors import, besides the pyspark that is part of every Spark.
PACKAGES = ("msgspec", "numpy", "pyarrow", "scipy")
# What only the packages' own tests and C++ programs read. Arrow's Flight, another 32 MB, is left out too.
_LEFT_OUT = ("tests", "include")
# Level 6, the usual one, takes three times as long and saves a seventh.
_COMPRESSION = 1


def write_code(wheel: Path) -> Path:
    """The code alone, next to the wheel: spark-submit's --py-files takes a wheel's content, but not its name."""
    return Path(shutil.copyfile(wheel, wheel.with_name(CODE)))


def write_environment(wheel: Path) -> Path:
    """The code and the packages that executors need, next to the wheel: a folder for their PYTHONPATH.

    Not a virtual environment, which names the folder of its Python. The packages are those that are installed
    here, so executors need the same platform and version of Python.
    """
    archive = wheel.with_name(ENVIRONMENT)
    with atomic_write(archive) as draft, tarfile.open(draft, "w:gz", compresslevel=_COMPRESSION) as environment:
        with zipfile.ZipFile(wheel) as code:
            for member in code.infolist():
                header = tarfile.TarInfo(member.filename)
                header.size = member.file_size
                environment.addfile(header, code.open(member))
        for file in _installed_files():
            environment.add(file.locate(), arcname=file)
    return archive


def _installed_files() -> Iterator[PackagePath]:
    for package in PACKAGES:
        for file in distribution(package).files or ():
            # a package's commands are outside of its folder
            if ".." not in file.parts and "flight" not in file.name and not set(file.parts) & set(_LEFT_OUT):
                yield file


def main(argv: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=f"Write {CODE} and {ENVIRONMENT} next to the wheel.")
    parser.add_argument("wheel", type=Path)
    wheel = parser.parse_args(argv).wheel
    write_code(wheel)
    write_environment(wheel)


if __name__ == "__main__":
    main()
