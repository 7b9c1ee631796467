"""`make test-tools`: install, once per machine, what some tests need and `make setup` does not install.

A tool that is already there is left alone. One that cannot be installed prints one line and is listed in
build/not_installed.txt: its tests are skipped, and only then may CI skip them.
"""

import json
import os
import shutil
import subprocess
import sys
import time
import tomllib
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import cache, partial
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import NamedTuple

from tests.support.chromium import find_chromium
from tests.support.compose import compose_command
from tests.support.folders import PROJECT

POWERBI = PROJECT / "build" / "powerbi"
DLLS = ("pbi-cli-tool", "3.12.0")
PARSER = ("@microsoft/powerquery-parser", "0.18.4")
# The tools that the last `make test-tools` could not install, a line each.
NOT_INSTALLED = PROJECT / "build" / "not_installed.txt"
EXTRAS = ("benchmarks", "containers", "readers", "stores")
# Without these two libraries Microsoft's DLLs load and then fail; all of mono-devel is six times the size.
MONO = (
    "mono-runtime",
    "mono-mcs",
    "libmono-system-data4.0-cil",
    "libmono-system-runtime-serialization4.0-cil",
)

PIP = (sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check")
APT = ("apt-get", "--quiet", "-o", "Acquire::http::Timeout=30", "-o", "DPkg::Lock::Timeout=60")
# What is not fetched by then is not installed: a slow network costs the run at most four minutes.
SECONDS = 4 * 60


class InstallError(Exception):
    """Why a tool cannot be installed, in one line."""


class Tool(NamedTuple):
    name: str
    is_there: Callable[[], bool]
    install: Callable[[], None]


def on_path(*programs: str) -> bool:
    return all(shutil.which(program) for program in programs)


@cache
def ends() -> float:
    """When fetching stops: this many seconds after the first command."""
    return time.monotonic() + SECONDS


def run(*command: str, to_the_end: bool = False) -> None:
    left = max(1.0, ends() - time.monotonic())
    try:
        done = subprocess.run(
            command,
            env={**os.environ, "DEBIAN_FRONTEND": "noninteractive"},
            capture_output=True,
            text=True,
            check=False,
            timeout=None if to_the_end else left,
        )
    except subprocess.TimeoutExpired as error:
        raise InstallError(f"no time left for {' '.join(command)}") from error
    except OSError as error:
        raise InstallError(str(error)) from error
    if done.returncode != 0:
        lines = [line for line in (done.stdout + done.stderr).splitlines() if line.strip()]
        errors = [line for line in lines if line.startswith(("E:", "ERROR", "npm error"))]
        raise InstallError((errors or lines or [f"exit code {done.returncode}"])[0])


def apt_get(*arguments: str, to_the_end: bool = False) -> None:
    sudo = os.environ.get("SUDO", "").split()
    if not on_path("apt-get") or not (sudo or os.geteuid() == 0):
        raise InstallError("needs apt-get, and root or SUDO=sudo")
    run(*sudo, *APT, *arguments, to_the_end=to_the_end)


def debian(*packages: str) -> None:
    wanted = ("install", "--yes", "--no-install-recommends", *packages)
    apt_get(*wanted, "--download-only")
    apt_get(*wanted, to_the_end=True)  # killed while unpacking, it would leave Debian broken


def requirements() -> list[tuple[str, str]]:
    """The pinned packages of the extras: name, version."""
    project = tomllib.loads((PROJECT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    extras = project["optional-dependencies"]
    return [(name, pin) for extra in EXTRAS for name, _, pin in [one.partition("==") for one in extras[extra]]]


def has_mono() -> bool:
    """Whether the runtime, the compiler and the two libraries are installed."""
    mono = shutil.which("mono")
    if mono is None or not on_path("mcs"):
        return False
    libraries = Path(mono).parents[1] / "lib" / "mono" / "gac"
    return all((libraries / name).is_dir() for name in ("System.Data", "System.Runtime.Serialization"))


def has_package(name: str, pin: str) -> bool:
    """Whether this version is installed. An extra in brackets is part of the requirement, not of the name."""
    try:
        return version(name.partition("[")[0]) == pin
    except PackageNotFoundError:
        return False


def has_dlls() -> bool:
    name, pin = DLLS
    return (POWERBI / "python" / f"{name.replace('-', '_')}-{pin}.dist-info").is_dir()


def has_parser() -> bool:
    name, pin = PARSER
    package = POWERBI / "node_modules" / name / "package.json"
    return package.is_file() and json.loads(package.read_text(encoding="utf-8"))["version"] == pin


def install_dlls() -> None:
    run(*PIP, "--no-deps", "--target", str(POWERBI / "python"), "==".join(DLLS))


def install_parser() -> None:
    run("npm", "install", "--silent", "--no-save", "--prefix", str(POWERBI), "@".join(PARSER))


NODE = Tool("node", partial(on_path, "node", "npm"), partial(debian, "nodejs", "npm"))
DEBIAN = (
    Tool("docker-compose", lambda: compose_command() is not None, partial(debian, "docker-compose")),
    Tool("promtool", partial(on_path, "promtool"), partial(debian, "prometheus")),
    Tool("mono", has_mono, partial(debian, *MONO)),
    Tool("chromium", lambda: find_chromium() is not None, partial(debian, "chromium")),
    Tool("libreoffice-calc", partial(on_path, "soffice"), partial(debian, "libreoffice-calc-nogui")),
)
PYTHON = (
    *(
        Tool(name, partial(has_package, name, pin), partial(run, *PIP, f"{name}=={pin}"))
        for name, pin in requirements()
    ),
    Tool("Microsoft's TMDL reader", has_dlls, install_dlls),
)
M_PARSER = Tool("Microsoft's M parser", has_parser, install_parser)


def install(tools: Iterable[Tool]) -> list[str]:
    """The names of the tools that could not be installed. Prints a line for each that was missing."""
    return [tool.name for tool in tools if not tool.is_there() and not _installed(tool)]


def _installed(tool: Tool) -> bool:
    """Whether installing it worked."""
    began = time.monotonic()
    try:
        tool.install()
    except InstallError as error:
        say(f"not installed: {tool.name}: {error}")
        return False
    if tool.is_there():
        say(f"installed: {tool.name} ({time.monotonic() - began:.0f} s)")
        return True
    say(f"not installed: {tool.name}: its package has no such program")
    return False


def say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def update_packages() -> None:
    if not all(tool.is_there() for tool in (NODE, *DEBIAN)):
        with suppress(InstallError):  # then the install says why
            apt_get("update")


def main() -> None:
    # the network is the slow part of one, unpacking that of the other
    with ThreadPoolExecutor() as threads:
        python = threads.submit(install, PYTHON)
        update_packages()
        node = install([NODE])
        parser = threads.submit(install, [M_PARSER])
        missing = [*node, *install(DEBIAN), *python.result(), *parser.result()]
    NOT_INSTALLED.parent.mkdir(exist_ok=True)
    NOT_INSTALLED.write_text("".join(f"{name}\n" for name in missing), encoding="utf-8")


if __name__ == "__main__":
    main()
