"""docs/examples/airflow_dag.py in a real Airflow, which `make test-airflow` installs into a folder of its own."""

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.support.folders import PROJECT

PYTHON = PROJECT / "build" / "airflow" / "bin" / "python"
# Airflow reads the file as its scheduler does, then runs one task's own function.
PROBE = """
import json, sys
from airflow.dag_processing.dagbag import DagBag
bag = DagBag(sys.argv[1])
[dag] = bag.dags.values()
edges = {task.task_id: sorted(task.downstream_task_ids) for task in dag.tasks}
try:
    dag.get_task("gold").python_callable("run", "--select", "gold")
    raised = ""
except Exception as error:
    raised = type(error).__name__
found = {"errors": bag.import_errors, "edges": edges, "raised": raised, "retries": dag.get_task("gold").retries}
print(json.dumps(found))
"""


def parsed(folder: Path, exit_code: int) -> dict[str, Any]:
    """What Airflow makes of the DAG, and which exception its gold raises if the command ends with that code."""
    if not PYTHON.exists():
        pytest.skip("needs Airflow (make test-airflow)")
    installed = folder / ".venv" / "bin" / "lakehouse"
    installed.parent.mkdir(parents=True)
    installed.write_text(f"#!/bin/sh\nexit {exit_code}\n", encoding="utf-8")
    installed.chmod(0o755)
    variables = {**os.environ, "AIRFLOW_HOME": str(folder / "home"), "LAKEHOUSE_FOLDER": str(folder)}
    example = str(PROJECT / "docs" / "examples" / "airflow_dag.py")
    done = subprocess.run(
        [PYTHON, "-c", PROBE, example], env=variables, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout.splitlines()[-1])
    assert isinstance(found, dict)
    return found


@pytest.mark.parametrize(
    ("exit_code", "raised"),
    [
        pytest.param(0, "", id="success"),
        pytest.param(1, "AirflowFailException", id="a failed check is not repeated"),
        pytest.param(2, "AirflowException", id="a missing broker may come back"),
        pytest.param(137, "AirflowException", id="a killed job goes on where it was"),
    ],
)
def test_airflow_reads_the_example_and_knows_the_exit_codes(exit_code: int, raised: str, tmp_path: Path) -> None:
    found = parsed(tmp_path, exit_code)
    assert found["errors"] == {}
    assert found["edges"] == {"bronze": ["silver"], "silver": ["audit", "gold"], "gold": [], "audit": []}
    assert found["raised"] == raised
    assert found["retries"] == 3
