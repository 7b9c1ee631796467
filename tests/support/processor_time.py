"""A pytest plugin that reports the cost of a test run by folder and by file: worker seconds and processor seconds.

Processor seconds do not depend on what else the machine does. The plugin samples every process of the run, even
one that outlives its parent: each inherits a variable that names this run, and the name of the worker that
started it. What a process used after its last sample is lost. Without /proc (macOS) that column is 0.
"""

import os
import shutil
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

SAMPLE_SECONDS = 0.5
# What is used outside of tests: the start of the run, and fixtures that live until its end.
OTHERS = "(start and end)"
# How many files the summary lists by their cost.
_COSTLIEST = 30

_PROC = Path("/proc")
_RUN = "TESTS_PROCESSOR_TIME"
_WORKER = "PYTEST_XDIST_WORKER"


class Process(NamedTuple):
    """A process. Pids are reused; together with its start time, a pid is unique."""

    pid: str
    started: str


class Sampler(threading.Thread):
    """Adds what each process has used since the last sample to the file of its worker's current test."""

    def __init__(self, run: Path) -> None:
        super().__init__(name="processor time", daemon=True)
        self.seconds: Counter[str] = Counter()
        self._run = run
        self._used: dict[Process, float] = {}
        self._workers: dict[Process, str | None] = {}
        self._ended = threading.Event()

    def run(self) -> None:
        while not self._ended.wait(SAMPLE_SECONDS):
            self.sample()

    def finish(self) -> None:
        self._ended.set()
        self.join()
        self.sample()

    def sample(self) -> None:
        workers = dict(line.split("=") for file in self._run.glob("*.pid") for line in [file.read_text()] if line)
        for process, used in processor_seconds():
            if process not in self._workers:
                self._workers[process] = worker_of(process.pid, self._run)
            worker = workers.get(process.pid) or self._workers[process]
            if worker is not None:
                self.seconds[self._file(worker)] += used - self._used.get(process, 0.0)
                self._used[process] = used

    def _file(self, worker: str) -> str:
        """The file of the worker's current test."""
        current = self._run / f"{worker}.test"
        return current.read_text() if current.exists() else OTHERS


def processor_seconds() -> Iterator[tuple[Process, float]]:
    """User and system seconds of every process on this machine."""
    ticks = os.sysconf("SC_CLK_TCK")
    for folder in _PROC.glob("[0-9]*"):
        try:
            fields = (folder / "stat").read_text().rpartition(")")[2].split()
        except OSError:  # it has just ended
            continue
        yield Process(folder.name, fields[19]), (int(fields[11]) + int(fields[12])) / ticks


def worker_of(pid: str, run: Path) -> str | None:
    """The worker that started this process or an ancestor of it, "" for the run itself, None for others."""
    if pid == str(os.getpid()):
        return ""
    try:
        text = (_PROC / pid / "environ").read_bytes().decode(errors="replace")
    except OSError:
        return None
    variables = dict(line.partition("=")[::2] for line in text.split("\0"))
    return variables.get(_WORKER, "") if variables.get(_RUN) == str(run) else None


def processes_of_this_run() -> list[int]:
    """The descendants of this process, even if a process in between has ended."""
    run, own = Path(os.environ[_RUN]), str(os.getpid())
    others = [folder.name for folder in _PROC.glob("[0-9]*") if folder.name != own]
    return [int(pid) for pid in others if worker_of(pid, run) is not None]


class Costs:
    """The summary at the end of the run. Workers only report which test they run."""

    def __init__(self, run: Path, worker: str | None) -> None:
        self.run, self.worker = run, worker
        self.sampler = Sampler(run) if worker is None and _PROC.is_dir() else None
        self.began = time.monotonic()
        self.waited: Counter[str] = Counter()
        self.tests: Counter[str] = Counter()
        if worker is not None:
            _replace(run / f"{worker}.pid", f"{os.getpid()}={worker}")
        if self.sampler is not None:
            self.sampler.start()

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Iterator[object]:
        _replace(self.run / f"{self.worker or ''}.test", file_of(item.nodeid))
        return (yield)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        file = file_of(report.nodeid)
        self.waited[file] += report.duration
        self.tests[file] += report.when == "call"

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        if self.worker is not None:
            return
        used: Counter[str] = Counter()
        if self.sampler is not None:
            self.sampler.finish()
            used = self.sampler.seconds
        write = terminalreporter.write_line
        terminalreporter.section("what the run cost")
        files = {*used, *self.waited}
        costliest = sorted(files, key=lambda file: -max(used[file], self.waited[file]))[:_COSTLIEST]
        folders = [_by_folder(counts) for counts in (self.tests, self.waited, used)]
        for title, names, counted in (
            ("file", costliest, (self.tests, self.waited, used)),
            ("folder", sorted({folder_of(file) for file in files}), folders),
        ):
            write(f"{title:<64} {'tests':>7} {'worker s':>10} {'processor s':>12}")
            for name in names:
                tests, waited, seconds = (counts[name] for counts in counted)
                write(f"{name:<64} {tests:>7} {waited:>10.0f} {seconds:>12.0f}")
        wall = time.monotonic() - self.began
        write(f"{'all':<64} {self.tests.total():>7} {self.waited.total():>10.0f} {used.total():>12.0f}")
        write(f"wall {wall:.0f} s; processors {used.total():.0f} s")
        shutil.rmtree(self.run)


def file_of(nodeid: str) -> str:
    return nodeid.partition("::")[0]


def folder_of(file: str) -> str:
    return file.rpartition("/")[0] or file


def _by_folder(counts: Counter[str]) -> Counter[str]:
    found: Counter[str] = Counter()
    for file, count in counts.items():
        found[folder_of(file)] += count
    return found


def _replace(file: Path, text: str) -> None:
    """Replace atomically: the sampler reads at any moment and must never see half a text."""
    draft = file.with_suffix(".draft")
    draft.write_text(text)
    draft.replace(file)


def pytest_configure(config: pytest.Config) -> None:
    worker = getattr(config, "workerinput", {}).get("workerid")
    if worker is None and not config.option.collectonly:
        os.environ[_RUN] = tempfile.mkdtemp(prefix="tests-")
    if not config.option.collectonly:
        config.pluginmanager.register(Costs(Path(os.environ[_RUN]), worker))
