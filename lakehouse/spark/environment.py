"""The environment variables that select Spark, Java and Python, and what is wrong with their values."""

import importlib.metadata
import importlib.util
import os
import re
import shlex
import shutil
import sys
from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

from lakehouse.errors import LakehouseError, MachineError
from lakehouse.jvm.java import OPTION_VARIABLES
from lakehouse.programs import NoAnswerError, answer_of
from lakehouse.settings import conf_dir
from lakehouse.spark.defaults import DEFAULTS, lacking, readable_defaults, spark_defaults

HOME, CONF, ARGUMENTS, WORKERS = "SPARK_HOME", "SPARK_CONF_DIR", "PYSPARK_SUBMIT_ARGS", "PYSPARK_PYTHON"
PATH = "PYTHONPATH"
# Spark's scripts treat an empty one as unset; pyspark does not.
_NONE_IF_EMPTY = (HOME, CONF, ARGUMENTS, WORKERS, "PYSPARK_GATEWAY_PORT", "SPARK_REMOTE")
# Their values go to the JVM, and only a start shows whether it accepts them.
STARTERS = (HOME, CONF, ARGUMENTS, WORKERS, "SPARK_SUBMIT_OPTS", "SPARK_LAUNCHER_OPTS", *OPTION_VARIABLES)
_OTHERS = ("HADOOP_HOME", "HADOOP_CONF_DIR", "YARN_CONF_DIR", PATH)
# pyspark sets them itself.
_OF_PYSPARK = ("SPARK_AUTH_SOCKET_TIMEOUT", "SPARK_BUFFER_SIZE")
_PROBE = "import sys; print('%d.%d' % sys.version_info[:2]); import pandas, pyarrow"
_PROBE_SECONDS = 60


class Fault(NamedTuple):
    """One variable that keeps Spark from starting, or starts a different Spark."""

    variable: str
    problem: str
    todo: str


def drop_empty_variables() -> None:
    for name in _NONE_IF_EMPTY:
        if not os.environ.get(name, "set").strip():
            del os.environ[name]


def require_fitting_environment() -> None:
    """Raise MachineError naming the first variable that keeps Spark from starting."""
    for fault in environment_faults():
        raise MachineError(fault.problem, todo=fault.todo)


def environment_faults(*names: str) -> Iterator[Fault]:
    """What is wrong with these variables, or with all of them, without starting a JVM.

    Values that may contain a password are not shown.
    """
    checks: tuple[tuple[str, Callable[[str], str | None]], ...] = (
        (HOME, _home_fault),
        (CONF, _conf_fault),
        (ARGUMENTS, _arguments_fault),
        (WORKERS, _workers_fault),
        ("SPARK_REMOTE", lambda _: "selects Spark Connect, which the lakehouse does not support"),
        (
            "SPARK_API_MODE",
            lambda mode: (
                None if mode == "classic" else "selects Spark Connect, which the lakehouse does not support"
            ),
        ),
        ("SPARK_CONNECT_MODE_ENABLED", lambda _: "selects Spark Connect, which the lakehouse does not support"),
        (PATH, _path_fault),
    )
    for name, check in checks:
        value = "" if names and name not in names else os.environ.get(name, "").strip()
        problem = check(value) if value else None
        if problem:
            yield Fault(name, f"{name} {problem}", f"unset {name}, or correct it")


def suspects() -> list[str]:
    """The variables that are set and that affect Spark's start."""
    ours = {WORKERS: sys.executable, CONF: str(conf_dir())}
    return [
        name
        for name in sorted(os.environ)
        if (name.startswith(("SPARK_", "PYSPARK_")) or name in (*STARTERS, *_OTHERS))
        and name not in _OF_PYSPARK
        and os.environ[name].strip()
        and os.environ[name] != ours.get(name)
    ]


def _home_fault(home: str) -> str | None:
    if not (Path(home) / "bin" / "spark-submit").is_file():
        return f"= {home} is not a Spark installation: it has no bin/spark-submit"
    # a vendor's version contains a - too: spark-core_2.13-3.5.1-amzn-0.jar
    versions = sorted(jar.stem.split("-", 2)[2] for jar in (Path(home) / "jars").glob("spark-core_*-*.jar"))
    try:
        wanted = importlib.metadata.version("pyspark")
    except importlib.metadata.PackageNotFoundError:
        return None
    if wanted in versions:
        return None
    return f"= {home} is {f'Spark {versions[0]}' if versions else 'a Spark without jars'}, but pyspark is {wanted}"


def _conf_fault(folder: str) -> str | None:
    """If submit arguments are set too, they may supply what this folder lacks."""
    if os.environ.get(ARGUMENTS) or folder == str(conf_dir()):
        return None
    if not Path(folder).is_dir():
        return f"= {folder} is not a folder"
    try:
        missing = lacking(spark_defaults(Path(folder) / DEFAULTS))
    except LakehouseError as error:
        return f"= {folder}: {error.problem}"
    return f"= {folder} has no {DEFAULTS} that sets {' and '.join(missing)}" if missing else None


def _arguments_fault(arguments: str) -> str | None:
    try:
        words = shlex.split(arguments)
    except ValueError as error:
        return f"cannot be read as arguments: {error}"
    if words[-1:] != ["pyspark-shell"]:
        return "does not end with pyspark-shell"
    settings: dict[str, str] = {}
    folder = os.environ.get(CONF)
    try:
        if folder:
            settings |= spark_defaults(Path(folder) / DEFAULTS)
        for option, value in _options(words):
            if option == "--properties-file":
                settings |= spark_defaults(Path(value))
            else:
                name, _, text = value.partition("=")
                settings[name] = text
    except LakehouseError as error:
        return f"names a file that cannot be used: {error.problem}"
    missing = lacking(settings)
    return f"does not set {' and '.join(missing)}, as {conf_dir() / DEFAULTS} does" if missing else None


def _options(words: list[str]) -> Iterator[tuple[str, str]]:
    """Settings files first, then single settings, which win."""
    given = [
        (word.partition("=")[0], word.partition("=")[2]) for word in words if word.startswith("--") and "=" in word
    ]
    given += list(pairwise(words))
    yield from (pair for pair in given if pair[0] == "--properties-file")
    yield from (("--conf", value) for option, value in given if option in ("--conf", "-c"))


def _workers_fault(python: str) -> str | None:
    """Checked in local mode only: on a cluster it is a Python on other machines."""
    if python == sys.executable or not readable_defaults().get("spark.master", "local").startswith("local"):
        return None
    program = shutil.which(python)
    if program is None:
        return f"= {python} is not a program"
    try:
        answer = answer_of([program, "-c", _PROBE], seconds=_PROBE_SECONDS)
    except NoAnswerError as error:
        return f"= {python} does not run ({error})"
    version, wanted = answer.stdout.strip(), "{}.{}".format(*sys.version_info[:2])
    if not re.fullmatch(r"\d+\.\d+", version):
        return f"= {python} is not Python"
    if version != wanted:
        return f"= {python} is Python {version}, but this process runs {wanted}"
    lines = answer.stderr.strip().splitlines()
    return f"= {python} lacks what Spark's workers need: {lines[-1]}" if answer.returncode else None


def _path_fault(_: str) -> str | None:
    """Another Spark's pyspark on PYTHONPATH, as Spark's own documentation suggests."""
    spec = importlib.util.find_spec("pyspark")
    if spec is None or not spec.origin:
        return None
    try:
        wanted = importlib.metadata.version("pyspark")
        text = Path(spec.origin).with_name("version.py").read_text(encoding="utf-8")
    except (OSError, importlib.metadata.PackageNotFoundError):
        return None
    version = re.search(r"""__version__[^=]*=\s*['"]([^'"]+)""", text)
    if version is None or version[1] == wanted:
        return None
    return (
        f"puts pyspark {version[1]} from {Path(spec.origin).parent} on the path, but the lakehouse needs {wanted}"
    )
