"""A pytest plugin that fails the run at the Unix time in TESTS_DEADLINE and names the tests that had not run.

A hanging test cannot prevent it: the plugin kills every process of the run, the workers and what they started.
"""

import os
import signal
import threading
import time
from collections.abc import Sequence
from contextlib import suppress
from types import FrameType
from typing import NoReturn

import pytest

from tests.support.processor_time import processes_of_this_run

VARIABLE = "TESTS_DEADLINE"
# Time for pytest's summary after the deadline.
_SUMMARY_SECONDS = 60


class Deadline:
    """Watches the time in the main process, which starts the workers or runs the tests itself without them."""

    def __init__(self, config: pytest.Config, moment: float) -> None:
        self._config, self._moment = config, moment
        self._collected: Sequence[str] = ()
        self._started: set[str] = set()
        self._finished: set[str] = set()
        self._passed = False
        self._summarised = threading.Event()
        signal.signal(signal.SIGUSR1, self._stop)
        threading.Thread(target=self._watch, name="deadline", daemon=True).start()

    def pytest_report_header(self) -> str:
        left = (self._moment - time.time()) / 60
        return f"deadline: {time.strftime('%H:%M:%S', time.localtime(self._moment))}, in {left:.1f} minutes"

    @pytest.hookimpl(optionalhook=True)
    def pytest_xdist_node_collection_finished(self, ids: Sequence[str]) -> None:
        self._collected = ids  # the same from every worker

    def pytest_collection_finish(self, session: pytest.Session) -> None:
        self._collected = [item.nodeid for item in session.items]

    def pytest_runtest_logstart(self, nodeid: str) -> None:
        self._started.add(nodeid)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.when not in ("setup", "call"):  # "???" is the report on a crashed worker
            self._finished.add(report.nodeid)

    def pytest_unconfigure(self) -> None:
        self._summarised.set()
        if self._passed:
            _kill_all()

    def _watch(self) -> None:
        if self._summarised.wait(max(0.0, self._moment - time.time())):
            return
        self._passed = True
        self._name_the_others()
        os.kill(os.getpid(), signal.SIGUSR1)
        ends = time.monotonic() + _SUMMARY_SECONDS
        while not self._summarised.wait(0.5) and time.monotonic() < ends:
            _kill_all()
        if not self._summarised.is_set():
            os._exit(pytest.ExitCode.INTERRUPTED)

    def _name_the_others(self) -> None:
        others = [nodeid for nodeid in self._collected if nodeid not in self._finished]
        plugin = self._config.pluginmanager.get_plugin
        reporter, capture = plugin("terminalreporter"), plugin("capturemanager")
        assert reporter is not None
        assert capture is not None
        with capture.global_and_fixture_disabled():
            reporter.ensure_newline()
            number = f"{len(others)} of {len(self._collected)}" if self._collected else "all"
            reporter.section(f"the deadline: {number} tests had not run", red=True)
            for nodeid in others:
                reporter.write_line(f"{'was running' if nodeid in self._started else 'not started'}: {nodeid}")
            reporter.flush()

    def _stop(self, _number: int, _frame: FrameType | None) -> NoReturn:
        """Runs in the main thread: a signal interrupts whatever it waits for."""
        raise pytest.exit.Exception("the deadline has passed", returncode=pytest.ExitCode.INTERRUPTED)


def _kill_all() -> None:
    for pid in processes_of_this_run():
        with suppress(ProcessLookupError):  # it has just ended
            os.kill(pid, signal.SIGKILL)


def pytest_configure(config: pytest.Config) -> None:
    moment = os.environ.get(VARIABLE)
    is_worker = hasattr(config, "workerinput")
    if moment and not is_worker and not config.option.collectonly:
        config.pluginmanager.register(Deadline(config, float(moment)))
