"""A pytest run inside a test, with the plugins that CI relies on."""

import json
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from tests.support.allowed_skips import FILE
from tests.support.folders import PROJECT

PLUGINS = [f"-ptests.support.{name}" for name in ("processor_time", "deadline", "allowed_skips", "failures")]


def nested_run(
    folder: Path,
    files: Mapping[str, str],
    *,
    variables: Mapping[str, str],
    allowed: Sequence[str] = (),
    workers: int = 2,
) -> subprocess.CompletedProcess[str]:
    """Run these files in a folder that is its own project, with its own list of allowed skips."""
    (folder / FILE).parent.mkdir()
    (folder / FILE).write_text(f"[some]\nreason = 'a test of the list'\ntests = {json.dumps(allowed)}\n")
    for name, text in {"pytest.ini": "[pytest]\n", **files}.items():
        (folder / name).write_text(text)
    others = {name: value for name, value in os.environ.items() if name not in ("CI", "TESTS_DEADLINE")}
    return subprocess.run(
        [sys.executable, "-m", "pytest", *PLUGINS, f"--numprocesses={workers}", *(name for name in files)],
        cwd=folder,
        env={**others, "PYTHONPATH": str(PROJECT), **variables},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
