"""Real processes of the streams and producers for the crash tests: started, awaited, stopped and killed."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType

from lakehouse import jvm_options
from lakehouse.java import find_java
from lakehouse.settings import Settings

# What ends a test that hangs. On a slow day the demo of 40 users takes five minutes, beside another worker.
TIMEOUT = 900.0
_TOPICS = ("users_topic", "movies_topic", "series_topic", "feedback_topic")


def fast_jvm() -> dict[str, str]:
    """For spark-submit, whose jobs live for seconds here: the JVM's second compiler costs as much as all the rest.

    From start to the first Delta table: 36 s of CPU, without that compiler 19 s, with an archive of classes 13 s.
    """
    return {"SPARK_SUBMIT_OPTS": " ".join(jvm_options.fast_jvm(find_java()))}


def environment(settings: Settings) -> dict[str, str]:
    """The variables that give another process these settings: root, broker and topics."""
    topics = {
        f"LAKEHOUSE_KAFKA__{name.upper()}": str(getattr(settings.kafka, name))
        for name in ("bootstrap_servers", "embedded_port", *_TOPICS)
    }
    others = {key: value for key, value in os.environ.items() if not key.startswith(("LAKEHOUSE_", "PYSPARK_"))}
    return {**others, **topics, "LAKEHOUSE_ROOT": settings.root}


class Running:
    """A process with all its children in a session of its own; its output goes to a file."""

    def __init__(
        self, settings: Settings, log: Path, *command: str, variables: Mapping[str, str] = MappingProxyType({})
    ) -> None:
        self.log = log
        with log.open("ab") as output:
            self.process = subprocess.Popen(
                [sys.executable, "-m", *command],
                env={**environment(settings), **variables},
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def alive(self) -> bool:
        return self.process.poll() is None

    def kill(self) -> None:
        """kill -9 of the process and of its JVM at once: nothing gets to say goodbye."""
        os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait(timeout=TIMEOUT)

    def stop(self, number: signal.Signals) -> int:
        """Ask the process to end, and return its exit code."""
        self.process.send_signal(number)
        return self.process.wait(timeout=TIMEOUT)

    def said(self) -> str:
        return self.log.read_text(encoding="utf-8", errors="replace")


def await_condition(condition: Callable[[], bool], what: str, *, every: float = 0.05) -> None:
    """Wait until the condition holds, at most TIMEOUT seconds."""
    deadline = time.monotonic() + TIMEOUT
    while not condition():
        assert time.monotonic() < deadline, f"{what}: not after {TIMEOUT:g} s"
        time.sleep(every)
