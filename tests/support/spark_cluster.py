"""A standalone Spark cluster on loopback. Its executors have Java, Spark and a Python without packages."""

import json
import os
import signal
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from lakehouse.broker.config import LOOPBACK
from lakehouse.jvm.java import find_java
from lakehouse.jvm.options import fast_jvm
from tests.support.ports import free_ports
from tests.support.processes import TIMEOUT, await_condition
from tests.support.shipped import SPARK_HOME

# Cores are what the master gives out, not those of the machine: two streams of two cores each, and what replaces
# the executors of a dead worker.
_WORKER = ("--cores", "4", "--memory", "8g")
# By which tests.support.processor_time knows the processes of a run.
_COUNTED = ("PYTEST_", "TESTS_")


def brief_jvm() -> list[str]:
    """The options of a daemon or executor that lives for a minute or two, and is killed: it writes no archive."""
    return [option for option in fast_jvm(find_java()) if "AtExit" not in option]


class SparkCluster:
    """Each process has a group of its own, in which a worker's executors are too."""

    def __init__(self, folder: Path, python: Path) -> None:
        self.folder = folder
        self._port, self._web = free_ports(2)
        counted = {name: value for name, value in os.environ.items() if name.startswith(_COUNTED)}
        self._variables = {
            **counted,
            "HOME": str(folder),
            "JAVA_HOME": str(find_java().home),
            "LC_ALL": "C.UTF-8",
            "PATH": os.pathsep.join([str(python.parent), "/usr/bin", "/bin"]),
            "SPARK_DAEMON_JAVA_OPTS": " ".join(brief_jvm()),
            "SPARK_DAEMON_MEMORY": "256m",
            "SPARK_HOME": str(SPARK_HOME),
            "SPARK_LOCAL_DIRS": str(folder / "scratch"),
            "SPARK_LOCAL_IP": LOOPBACK,
        }
        self._master: subprocess.Popen[bytes] | None = None
        self.workers: list[subprocess.Popen[bytes]] = []

    @property
    def url(self) -> str:
        return f"spark://{LOOPBACK}:{self._port}"

    @property
    def work(self) -> Path:
        """Where executors run, each in a folder of its own."""
        return self.folder / "work"

    def start(self, workers: int) -> None:
        ports = ["--port", str(self._port), "--webui-port", str(self._web)]
        self._master = self._run("master.Master", *ports)
        await_condition(lambda: self._state() is not None, "the master", timeout=60)
        work = ["--webui-port", "0", "--work-dir", str(self.work), *_WORKER, self.url]
        self.workers = [self._run("worker.Worker", *work) for _ in range(workers)]
        self.await_workers(workers)

    def await_workers(self, count: int) -> None:
        """Wait until the master counts so many."""
        await_condition(lambda: (self._state() or {}).get("aliveworkers") == count, f"{count} workers", timeout=60)

    def kill_worker(self) -> None:
        """kill -9 a worker and its executors, as if its machine had failed. It does not come back."""
        _end(self.workers.pop())

    def stop(self) -> None:
        for process in [*self.workers, self._master]:
            if process is not None:
                _end(process)

    def said(self) -> str:
        return (self.folder / "log").read_text(encoding="utf-8", errors="replace")

    def _run(self, role: str, *arguments: str) -> subprocess.Popen[bytes]:
        program = [str(SPARK_HOME / "bin" / "spark-class"), f"org.apache.spark.deploy.{role}"]
        with (self.folder / "log").open("ab") as log:
            return subprocess.Popen(
                [*program, "--host", LOOPBACK, *arguments],
                cwd=self.folder,
                env=self._variables,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def _state(self) -> dict[str, object] | None:
        """What the master tells of itself; None as long as it does not answer."""
        with (
            suppress(OSError),
            urllib.request.urlopen(f"http://{LOOPBACK}:{self._web}/json/", timeout=5) as answer,
        ):
            state: dict[str, object] = json.load(answer)
            return state
        return None


@contextmanager
def spark_cluster(folder: Path, python: Path, *, workers: int) -> Iterator[SparkCluster]:
    folder.mkdir()
    cluster = SparkCluster(folder, python)
    try:
        cluster.start(workers)
        yield cluster
    except BaseException:
        sys.stderr.write(cluster.said()[-3000:])
        raise
    finally:
        cluster.stop()


def _end(process: subprocess.Popen[bytes]) -> None:
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait(TIMEOUT)
