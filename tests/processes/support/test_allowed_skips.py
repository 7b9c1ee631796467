"""In CI every skip is a failure, however a test skips, unless the list names it."""

import time
from pathlib import Path

import pytest

from tests.support.allowed_skips import allowed_skips
from tests.support.folders import PROJECT
from tests.support.nested_run import nested_run

SKIPPING = """
import pytest

def test_runs():
    pass

def test_says_so():
    pytest.skip("needs a printer")

@pytest.mark.skipif(True, reason="needs a scanner")
def test_is_marked():
    pass

def test_imports():
    pytest.importorskip("no_such_module", reason="needs no_such_module")

@pytest.mark.parametrize("number", [1, 2])
def test_has_parameters(number):
    pytest.skip("needs a plotter")

@pytest.mark.xfail(reason="is known")
def test_is_expected_to_fail():
    assert False
"""
FILES = {
    "test_skipping.py": SKIPPING,
    "test_whole.py": 'import pytest\npytest.skip("needs a modem", allow_module_level=True)\n',
}
# With the deadline far off, CI's other plugin changes nothing.
CI = {"CI": "true", "TESTS_DEADLINE": str(time.time() + 3600)}


def named(printed: str) -> set[str]:
    return {line for line in printed.splitlines() if line.startswith("test_") and ": Skipped: " in line}


def test_a_skip_that_the_list_does_not_name_makes_the_run_red(tmp_path: Path) -> None:
    allowed = ["test_skipping.py::test_says_so", "test_skipping.py::test_has_parameters"]
    done = nested_run(tmp_path, FILES, variables=CI, allowed=allowed)
    assert done.returncode == pytest.ExitCode.TESTS_FAILED, done.stdout + done.stderr
    assert named(done.stdout) == {
        "test_skipping.py::test_is_marked: Skipped: needs a scanner",
        "test_skipping.py::test_imports: Skipped: needs no_such_module",
        "test_whole.py: Skipped: needs a modem",
    }


def test_a_run_whose_skips_are_all_in_the_list_is_green(tmp_path: Path) -> None:
    done = nested_run(tmp_path, FILES, variables=CI, allowed=list(FILES))
    assert done.returncode == pytest.ExitCode.OK, done.stdout + done.stderr
    assert named(done.stdout) == set()
    assert "had not run" not in done.stdout


@pytest.mark.parametrize(
    ("listed", "code"),
    [
        ("mono\nchromium\n", pytest.ExitCode.OK),
        ("", pytest.ExitCode.TESTS_FAILED),  # the tool is there, or was never asked for: then why was it skipped?
    ],
)
def test_a_skip_for_want_of_a_tool_is_green_only_if_a_tool_could_not_be_installed(
    tmp_path: Path, listed: str, code: pytest.ExitCode
) -> None:
    (tmp_path / "build").mkdir()
    (tmp_path / "build" / "not_installed.txt").write_text(listed)
    needs_tool = 'import pytest\n\ndef test_page():\n    pytest.skip("needs a browser (make test-tools)")\n'
    done = nested_run(tmp_path, {"test_tool.py": needs_tool}, variables=CI, workers=0)
    assert done.returncode == code, done.stdout + done.stderr
    assert named(done.stdout) == {"test_tool.py::test_page: Skipped: needs a browser (make test-tools)"}
    assert ("could not install mono, chromium" in done.stdout) == bool(listed)


def test_outside_ci_nothing_changes(tmp_path: Path) -> None:
    done = nested_run(tmp_path, FILES, variables={})
    assert done.returncode == pytest.ExitCode.OK, done.stdout + done.stderr
    assert named(done.stdout) == set()


def test_every_entry_of_the_list_names_a_test() -> None:
    for entry in allowed_skips(PROJECT):
        file, _, function = entry.partition("::")
        assert f"def {function}" in (PROJECT / file).read_text(encoding="utf-8"), entry
