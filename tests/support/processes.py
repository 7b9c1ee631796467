"""Real processes for tests: their environment, output and end, and how a test waits."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any

from pydantic import SecretStr

from lakehouse.configuration.sources import PREFIX
from lakehouse.jvm import options as jvm_options
from lakehouse.jvm.java import find_java
from lakehouse.settings import Settings, load_settings
from lakehouse.spark.defaults import spark_defaults
from tests.support.settings_folder import SMALL_JOBS

BIN = Path(sys.executable).parent
# Ends a hanging test. On a slow day the demo of 40 users takes five minutes, with another worker running.
TIMEOUT = 900.0
_NOT_INHERITED = ("LAKEHOUSE_", "PYSPARK_", "SPARK_")
_KEPT = ("SPARK_LOCAL_DIRS",)


def small_submits() -> dict[str, str]:
    """For spark-submit, whose jobs live for seconds here: the JVM's second compiler costs as much as all the rest.

    From start to the first Delta table: 36 s of CPU, 19 s without that compiler, 13 s with a class archive.
    Settings for small jobs are properties of the JVM: those of conf/spark-defaults.conf win.
    """
    properties = [f"-D{name}={value}" for name, value in spark_defaults(SMALL_JOBS).items() if " " not in value]
    return {"SPARK_SUBMIT_OPTS": " ".join([*jvm_options.fast_jvm(find_java()), *properties])}


def clean_environment() -> dict[str, str]:
    """The shell's variables without lakehouse and Spark settings, and with our commands on the PATH."""
    others = {
        name: value for name, value in os.environ.items() if not name.startswith(_NOT_INHERITED) or name in _KEPT
    }
    return {**others, "PATH": f"{BIN}{os.pathsep}{os.environ['PATH']}"}


def environment(settings: Settings) -> dict[str, str]:
    """The variables that give another process these settings: all that differ from the shipped ones."""
    return clean_environment() | dict(_variables(settings.model_dump(), load_settings().model_dump(), PREFIX))


def far_from_the_checkout(settings: Settings) -> dict[str, str]:
    """The same for a process that must import nothing from the checkout."""
    return {name: text for name, text in environment(settings).items() if name != "PYTHONPATH"}


def _variables(values: dict[str, Any], default: dict[str, Any], prefix: str) -> Iterator[tuple[str, str]]:
    for name, value in values.items():
        variable = f"{prefix}{name.upper()}"
        if isinstance(value, dict):
            yield from _variables(value, default[name], f"{variable}__")
        elif value != default[name]:
            yield variable, json.dumps(value) if isinstance(value, tuple) else plain(value)


def plain(value: object) -> str:
    """A secret's plain text; for anything else, its string form."""
    return value.get_secret_value() if isinstance(value, SecretStr) else str(value)


def drive(
    settings: Settings, module: str, log: Path, *, limits: Callable[[], None] | None = None, **variables: str
) -> tuple[int, str]:
    """Run a real driver to its end; returns its exit code and all its output."""
    with log.open("wb") as output:
        code = subprocess.run(
            [sys.executable, "-m", module],
            env={**environment(settings), **variables},
            stdout=output,
            stderr=subprocess.STDOUT,
            preexec_fn=limits,
            timeout=TIMEOUT,
            check=False,
        ).returncode
    return code, log.read_text(encoding="utf-8", errors="replace")


class Running:
    """A process with all its children in its own session; its output goes to a file."""

    def __init__(
        self,
        settings: Settings,
        log: Path,
        *command: str,
        program: Sequence[str] = (sys.executable, "-m"),
        variables: Mapping[str, str] = MappingProxyType({}),
        folder: Path | None = None,
    ) -> None:
        self.log = log
        with log.open("ab") as output:
            self.process = subprocess.Popen(
                [*program, *command],
                env={**environment(settings), **variables},
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                cwd=folder,
            )

    def alive(self) -> bool:
        return self.process.poll() is None

    def kill(self) -> None:
        """kill -9 the process and its JVM at once: neither can clean up."""
        os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait(timeout=TIMEOUT)

    def stop(self, number: signal.Signals) -> int:
        """Signal the process to end, and return its exit code."""
        self.process.send_signal(number)
        return self.process.wait(timeout=TIMEOUT)

    def said(self) -> str:
        return self.log.read_text(encoding="utf-8", errors="replace")


def await_condition(
    condition: Callable[[], bool], what: str, *, every: float = 0.05, timeout: float = TIMEOUT
) -> None:
    """Wait until the condition holds, at most `timeout` seconds."""
    deadline = time.monotonic() + timeout
    while not condition():
        assert time.monotonic() < deadline, f"{what}: not after {timeout:g} s"
        time.sleep(every)
