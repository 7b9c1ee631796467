"""The commands of benchmarks/ start: each can still import what it measures."""

import re
import subprocess
import sys
from importlib.util import find_spec

import pytest

from tests.support.folders import PROJECT

FOLDER = PROJECT / "benchmarks"
COMMANDS = sorted(path.name for path in FOLDER.glob("*.py") if "def main(" in path.read_text(encoding="utf-8"))
# What they compare with; the lakehouse itself needs none of it.
COMPARED = ("confluent_kafka", "deltalake", "implicit")


@pytest.mark.parametrize("command", COMMANDS)
def test_a_benchmark_starts(command: str) -> None:
    text = (FOLDER / command).read_text(encoding="utf-8")
    missing = [name for name in COMPARED if re.search(rf"^from {name}\b", text, re.M) and find_spec(name) is None]
    if missing:
        pytest.skip(f"needs {', '.join(missing)} (make test-tools)")
    done = subprocess.run(
        [sys.executable, str(FOLDER / command), "--help"], capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stderr
    assert f"usage: {command}" in done.stdout


def test_all_of_them_are_found() -> None:
    assert {"streams.py", "delay.py", "audit.py"} <= set(COMMANDS)
    assert "messages.py" not in COMMANDS
