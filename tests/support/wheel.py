"""The wheel, and an environment with nothing of this checkout but the wheel."""

import subprocess
import sys
import sysconfig
from pathlib import Path
from typing import NamedTuple

from tests.support.folders import PROJECT


class Installed(NamedTuple):
    """The built wheel, and the environment that it is installed in."""

    wheel: Path
    environment: Path

    @property
    def python(self) -> Path:
        return self.environment / "bin" / "python"

    @property
    def lakehouse(self) -> Path:
        return self.environment / "bin" / "lakehouse"

    @property
    def packages(self) -> Path:
        (folder,) = self.environment.glob("lib/python*/site-packages")
        return folder


def installed_in(folder: Path) -> Installed:
    """What `install_wheel` left in the folder."""
    (wheel,) = folder.glob("*.whl")
    return Installed(wheel, folder / "venv")


def install_wheel(folder: Path) -> None:
    """Build and install it. The packages it needs come from this environment, so nothing is downloaded."""
    folder.mkdir()
    build = [sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", str(folder)]
    subprocess.run(build, cwd=PROJECT, check=True, capture_output=True)
    environment = folder / "venv"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(environment)], check=True)
    made = installed_in(folder)
    pip = [sys.executable, "-m", "pip", "--python", str(made.python), "install", "--quiet"]
    subprocess.run([*pip, "--no-deps", "--no-index", str(made.wheel)], check=True)
    # the class archives of this environment: creating new ones takes a minute
    (environment / "var").symlink_to(Path(sys.prefix) / "var")
    # the .pth files in there, and so the checkout, are not read: site.py reads those of its own folders only
    (made.packages / "borrowed.pth").write_text(f"{sysconfig.get_path('purelib')}\n", encoding="utf-8")
