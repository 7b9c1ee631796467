"""A pytest plugin that prints each failure when it happens: a run that is cut off later has named it."""

import pytest


class Failures:
    """Where all reports arrive: in the main process."""

    def __init__(self, config: pytest.Config) -> None:
        self._config = config

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.failed:
            terminal = self._config.get_terminal_writer()
            terminal.line()
            terminal.line(f"failed in {report.when}: {report.nodeid}")
            terminal.line(report.longreprtext)
            terminal.flush()


def pytest_configure(config: pytest.Config) -> None:
    if not hasattr(config, "workerinput"):
        config.pluginmanager.register(Failures(config))
