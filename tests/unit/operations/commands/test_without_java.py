"""The commands that read small tables, as processes that find no Java and no other program."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.support.delta_tables import make
from tests.support.folders import AWKWARD, PROJECT

# Loading them takes long. pyspark's types are part of every table's declaration, pandas of pyarrow's timestamps.
SLOW = ("great_expectations", "faker", "scipy", "pyspark.ml", "delta.tables")
_RUN = """
import json, sys
from operations.cli import main
code = main(sys.argv[1:])
loaded = [name for name in SLOW if name in sys.modules]
# ru_maxrss would be that of the process which started this one, if that is higher
[peak] = [line for line in open("/proc/self/status") if line.startswith("VmHWM")]
sys.stderr.write(json.dumps({"loaded": loaded, "megabytes": int(peak.split()[1]) // 1024}))
sys.exit(code)
"""


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("lakehouse")
    return make(folder / "plain").rename(folder / AWKWARD)


def run(root: Path, *arguments: str) -> tuple[int, Any, dict[str, Any]]:
    variables = {name: value for name, value in os.environ.items() if not name.startswith(("JAVA", "SPARK"))}
    variables |= {
        "LAKEHOUSE_ROOT": str(root),
        "LAKEHOUSE_KAFKA__BOOTSTRAP_SERVERS": "",
        "LAKEHOUSE_KAFKA__EMBEDDED_PORT": "0",
        "PATH": os.devnull,
    }
    program = _RUN.replace("SLOW", repr(SLOW))
    command = [sys.executable, "-c", program, *arguments, "--json"]
    done = subprocess.run(
        command, cwd=PROJECT, env=variables, capture_output=True, text=True, timeout=60, check=False
    )
    return done.returncode, json.loads(done.stdout), json.loads(done.stderr)


@pytest.mark.parametrize(
    ("arguments", "wanted"),
    [
        (("history", "silver.users"), [{"version": 1, "rows written": 3}, {"version": 0, "rows written": 2}]),
        (("diff", "silver.users", "0", "1"), {"added": 1, "changed": 1, "removed": 0}),
        (("drift",), [{"field": "pais", "records": 2, "first_seen": "2025-05-13 12:00:00Z"}]),
        (("models",), [{"model_version": "als-1", "trained_at": "2025-05-13 12:00:00Z"}]),
        (("quarantine",), {"open": 1, "resolved": 0}),
        (("quarantine", "show", "clasificacion_unknown"), [{"key": "u4", "is_corrected": False}]),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else "",
)
def test_a_command_reads_its_table_in_its_own_process(root: Path, arguments: tuple[str, ...], wanted: Any) -> None:
    code, found, cost = run(root, *arguments)
    assert code == 0
    rows, expected = (found, wanted) if isinstance(found, list) else ([found], [wanted])
    assert [{name: row[name] for name in one} for row, one in zip(rows, expected, strict=True)] == expected
    assert cost["loaded"] == []
    assert cost["megabytes"] <= 300


def test_status_reads_logs_alone(root: Path) -> None:
    code, found, cost = run(root, "status")
    assert code == 0
    states = {state["table"]: (state["version"], state["rows"]) for state in found["tables"]}
    assert states["silver.users"] == (1, 3)
    assert states["bronze.events"] == (None, None)
    users = next(state for state in found["tables"] if state["table"] == "silver.users")
    stored = sum(file.stat().st_size for file in (root / "silver" / "users").rglob("*") if file.is_file())
    assert users["size"] + users["history"] == users["per_day"] == stored
    assert 0 < users["size"] < users["history"]
    assert found["behind"]["bronze.events"]["unknown"] == "the embedded broker is not running"
    assert cost["loaded"] == []
    assert cost["megabytes"] <= 300
