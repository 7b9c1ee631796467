"""A failure is printed before the tests after it run."""

from pathlib import Path

import pytest

from tests.support.nested_run import nested_run

# The second test ends the process at once, without pytest's summary.
CUT_OFF = """
import os

def test_fails():
    assert 1 + 1 == 3

def test_is_cut_off():
    os._exit(9)
"""


def test_a_run_that_is_cut_off_has_named_what_failed(tmp_path: Path) -> None:
    done = nested_run(tmp_path, {"test_some.py": CUT_OFF}, variables={}, workers=0)
    assert done.returncode == 9, done.stdout + done.stderr
    assert "failed in call: test_some.py::test_fails\n" in done.stdout
    assert "assert (1 + 1) == 3" in done.stdout


def test_workers_failures_are_printed_too(tmp_path: Path) -> None:
    files = {"test_some.py": "def test_fails():\n    assert 1 + 1 == 3\n"}
    done = nested_run(tmp_path, files, variables={})
    assert done.returncode == pytest.ExitCode.TESTS_FAILED, done.stdout + done.stderr
    assert "failed in call: test_some.py::test_fails\n" in done.stdout
