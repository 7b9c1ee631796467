"""At the deadline a run fails, whatever its tests do, and names those that had not run."""

import os
import time
from pathlib import Path

import pytest

from tests.support.nested_run import nested_run

# Each of two workers is stuck in a test, and the last test waits behind them.
HANGING = """
import subprocess, sys, threading
from pathlib import Path

def test_short():
    pass

def test_never_ends():
    child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(1000)"], start_new_session=True)
    Path("child.draft").write_text(str(child.pid))
    Path("child.draft").rename("child")
    threading.Event().wait()

def test_waits():
    threading.Event().wait()

def test_behind():
    pass
"""


def is_running(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return "\nState:\tZ" not in Path(f"/proc/{pid}/status").read_text()


@pytest.mark.skipif(not Path("/proc").is_dir(), reason="finds what the run has started in /proc")
@pytest.mark.parametrize(
    ("workers", "running"),
    [
        (0, {"test_never_ends"}),  # as make test-crash runs
        (2, {"test_never_ends", "test_waits"}),
    ],
)
def test_a_hanging_run_ends_red_and_names_what_had_not_run(
    tmp_path: Path, workers: int, running: set[str]
) -> None:
    for seconds in (12, 60):  # a busy machine may need longer to start the workers
        deadline = time.time() + seconds
        folder = tmp_path / str(seconds)
        folder.mkdir()
        variables = {"TESTS_DEADLINE": str(deadline)}
        done = nested_run(folder, {"test_hanging.py": HANGING}, variables=variables, workers=workers)
        if (folder / "child").exists():
            break
    assert done.returncode == pytest.ExitCode.INTERRUPTED, done.stdout + done.stderr
    assert 0 < time.time() - deadline < 30
    assert "the deadline: 3 of 4 tests had not run" in done.stdout
    named = {line for line in done.stdout.splitlines() if line.startswith(("was running: ", "not started: "))}
    assert named == {
        f"{'was running' if name in running else 'not started'}: test_hanging.py::{name}"
        for name in ("test_never_ends", "test_waits", "test_behind")
    }
    # the usual summary follows
    assert "1 passed" in done.stdout
    assert "the deadline has passed" in done.stdout
    assert not is_running(int((folder / "child").read_text()))
