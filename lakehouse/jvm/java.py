"""Which Java runs Spark and the embedded broker: JAVA_HOME, else the one on PATH, else a downloaded one."""

import locale
import os
import re
import shutil
import sys
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

from lakehouse.errors import MachineError, first_line
from lakehouse.programs import NoAnswerError, answer_of

SUPPORTED = (17, 21, 25)
_FETCHED = {"vendor": "adoptium", "version": "17"}
_PROBE_SECONDS = 30
# Every JVM reads the first and the third; the `java` program reads the second too.
OPTION_VARIABLES = ("JAVA_TOOL_OPTIONS", "JDK_JAVA_OPTIONS", "_JAVA_OPTIONS")
_INSTALL = (
    "install one: Debian and Ubuntu `apt-get install openjdk-17-jre-headless`, macOS `brew install openjdk@21`, "
    "or set JAVA_HOME"
)
_HOME = re.compile(r"^\s*java\.home = (.+?)\s*$", re.MULTILINE)
_NOTED = re.compile(r"(NOTE: )?Picked up \w+:")
_QUOTES = "'\""
_VERSION = re.compile(r"^\s*java\.specification\.version = (?:1\.)?(\d+)\s*$", re.MULTILINE)


class Java(NamedTuple):
    """A Java that has been run: its home, its major version, and where it was found."""

    home: Path
    version: int
    source: str

    @property
    def executable(self) -> Path:
        return self.home / "bin" / "java"


class _UnusableJavaError(Exception):
    """This java does not run, or Spark does not support its version."""


def environment_options() -> str:
    """The options that the user's environment gives every JVM."""
    return " ".join(os.environ.get(name, "") for name in OPTION_VARIABLES).strip()


def utf8_locale() -> dict[str, str]:
    """The variable that a JVM needs to encode paths as this Python does; empty if it has it.

    In the locale C, or in one that is not installed, Python still writes UTF-8, but a JVM writes ? for an accent.
    """
    differs = sys.getfilesystemencoding() == "utf-8" and locale.getencoding().upper() != "UTF-8"
    return {"LC_ALL": "C.UTF-8"} if differs else {}


@lru_cache(maxsize=1)
def find_java() -> Java:
    """The first of JAVA_HOME, PATH and the downloaded one that actually runs, found once per process.

    Raises MachineError if Spark supports none of them.
    """
    faults = []
    for source, executable in _installed():
        try:
            return _probe(executable, source)
        except _UnusableJavaError as fault:
            faults.append(f"{source}: {fault}")
    try:
        return _fetch()
    except _UnusableJavaError as fault:
        faults.append(str(fault))
    versions = ", ".join(str(version) for version in SUPPORTED)
    raise MachineError(f"no Java {versions} found ({'; '.join(faults)})", todo=_INSTALL)


def _installed() -> list[tuple[str, Path]]:
    candidates = []
    home = os.environ.get("JAVA_HOME")
    if home:
        candidates.append((f"JAVA_HOME {home}", Path(home) / "bin" / "java"))
    on_path = shutil.which("java")
    if on_path:
        candidates.append((f"PATH {on_path}", Path(on_path)))
    return candidates


def _probe(executable: Path, source: str) -> Java:
    """Run that java and read its version; macOS has a /usr/bin/java that only says that there is none."""
    code, said = _run(executable, os.environ)
    home, version = _HOME.search(said), _VERSION.search(said)
    if code != 0 or home is None or version is None:
        words = _complaint(said) or f"exit code {code}"
        _refuse_options(executable, words)
        raise _UnusableJavaError(f"does not run ({words})")
    if int(version[1]) not in SUPPORTED:
        raise _UnusableJavaError(f"is Java {version[1]}")
    return Java(Path(home[1]), int(version[1]), source)


def _run(executable: Path, environment: Mapping[str, str]) -> tuple[int, str]:
    """The exit code and all output."""
    command = [str(executable), "-XshowSettings:properties", "-version"]
    try:
        answer = answer_of(command, seconds=_PROBE_SECONDS, environment=environment)
    except NoAnswerError as error:
        raise _UnusableJavaError(f"does not run ({error})") from error
    return answer.returncode, answer.stderr + answer.stdout


def _complaint(said: str) -> str:
    """The first line that is not the JVM's note about the variables it has read, without the values of options.

    It may quote a value: everything after a = is cut, and so are words of these variables that are not option
    names.
    """
    lines = [line.strip() for line in said.splitlines() if line.strip()]
    line = next((line for line in lines if not _NOTED.match(line)), "")
    shown, equals, _ = line.partition("=")
    values = {word.strip(_QUOTES) for word in environment_options().split() if not word.startswith("-")}
    words = ["..." if word.strip(_QUOTES) in values else word for word in shown.split()]
    return " ".join(words) + ("=..." if equals else "")


def _refuse_options(executable: Path, words: str) -> None:
    """Raise MachineError if this java runs only without a variable that gives every JVM its options.

    Another Java would not start with these options either. They may hold a password, so they are not shown.
    """
    given = [name for name in OPTION_VARIABLES if os.environ.get(name, "").strip()]
    for without in [[name] for name in given] + [given] * (len(given) > 1):
        code, _ = _run(executable, {name: text for name, text in os.environ.items() if name not in without})
        if code == 0:
            names = " and ".join(without)
            raise MachineError(
                f"no JVM starts with the options in {names}: {words}", todo=f"correct or unset {names}"
            )


def _fetch() -> Java:
    """A Java for this user, downloaded once and then cached."""
    import cjdk

    try:
        home = cjdk.java_home(**_FETCHED, progress=sys.stderr.isatty())
    except (cjdk.CjdkError, OSError) as error:
        raise _UnusableJavaError(f"downloading one failed: {_cause(error)}") from error
    return _probe(Path(home) / "bin" / "java", "downloaded")


def _cause(error: BaseException) -> str:
    """The innermost reason in short: network libraries wrap it several times."""
    text = first_line(error)
    reason = re.search(r"Failed to resolve '([^']+)'", text)
    return f"{reason[1]} is not reachable" if reason else text[:120]
