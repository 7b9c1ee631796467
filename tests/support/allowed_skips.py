"""A pytest plugin for CI: a skipped test fails the run, unless tests/allowed_skips.toml names it.

A test that needs a tool may also be skipped if `make test-tools` reported that it could not install one.
"""

import os
import tomllib
from collections.abc import Iterable, Mapping
from pathlib import Path

import pytest

from tests.support.folders import PROJECT
from tests.support.tools import NOT_INSTALLED

FILE = "tests/allowed_skips.toml"
# In the reason of a skip for want of a tool.
NEEDS_TOOL = "(make test-tools)"


def allowed_skips(project: Path) -> Mapping[str, str]:
    """The reason why a test may be skipped, by its node id or that of its file."""
    groups = tomllib.loads((project / FILE).read_text(encoding="utf-8"))
    return {nodeid: group["reason"] for group in groups.values() for nodeid in group["tests"]}


def not_installed(project: Path) -> str:
    """The tools that could not be installed, as one line; empty if there are none."""
    listed = project / NOT_INSTALLED.relative_to(PROJECT)
    return ", ".join(listed.read_text(encoding="utf-8").splitlines()) if listed.is_file() else ""


class Skips:
    """The skips of the run, collected in the process that receives all reports."""

    def __init__(self, allowed: Iterable[str], missing_tools: str) -> None:
        self._allowed = tuple(allowed)
        self._missing_tools = missing_tools
        self._others: dict[str, str] = {}
        self._without_tool: dict[str, str] = {}

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if not hasattr(report, "wasxfail"):
            self._look_at(report)

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        self._look_at(report)

    def _look_at(self, report: pytest.TestReport | pytest.CollectReport) -> None:
        if report.skipped and not any(names(allowed, report.nodeid) for allowed in self._allowed):
            reason = report.longrepr[2] if isinstance(report.longrepr, tuple | list) else str(report.longrepr)
            needs_tool = self._missing_tools and NEEDS_TOOL in reason
            (self._without_tool if needs_tool else self._others)[report.nodeid] = reason

    @pytest.hookimpl(tryfirst=True)
    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        if self._others and session.exitstatus == pytest.ExitCode.OK:
            session.exitstatus = pytest.ExitCode.TESTS_FAILED

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        for title, skipped in (
            (f"skipped, and not in {FILE}", self._others),
            (f"skipped, as make test-tools could not install {self._missing_tools}", self._without_tool),
        ):
            if skipped:
                terminalreporter.section(title, red=True)
            for nodeid, reason in sorted(skipped.items()):
                terminalreporter.write_line(f"{nodeid}: {reason}")


def names(allowed: str, nodeid: str) -> bool:
    """Whether this entry names the test, its file, or its function without parameters."""
    return nodeid == allowed or nodeid.startswith((f"{allowed}::", f"{allowed}["))


def pytest_configure(config: pytest.Config) -> None:
    is_worker = hasattr(config, "workerinput")
    if os.environ.get("CI") and not is_worker and not config.option.collectonly:
        config.pluginmanager.register(Skips(allowed_skips(config.rootpath), not_installed(config.rootpath)))
