"""A gold table is added by its declaration, its job and its suite: everything else follows, without an edit.

tests/processes/test_wheel.py runs its job on Spark, and its suite.
"""

import json
import shutil
import subprocess
import sys
from typing import Any

import pytest

from tests.support.folders import PROJECT
from tests.support.new_gold_table import add_to

PACKAGES = ("bronze", "conf", "gold", "lakehouse", "maintenance", "operations", "producers", "quality", "silver")

# What the rest of the project knows of the table, asked in the copy.
LOOK = """
import json
from gold.powerbi.project.files import project_files
from gold.powerbi.project.tables import exported_tables
from lakehouse.history.acceptance import GATED
from lakehouse.tables import find_table
from lakehouse.tables.page import page
from operations.pipeline.steps import STEPS
from quality.suites import has_suite, selected_tables, tables_of

table = find_table("gold.likes")
files = project_files(exported_tables(), "/r", source="csv")
print(json.dumps({
    "steps": [step.name for step in STEPS],
    "gated": table in GATED["gold"],
    "checked": table in tables_of("gold"),
    "selected": table in selected_tables(["gold.likes"]),
    "suite": has_suite(table),
    "model": files["Lakehouse.SemanticModel/definition/tables/likes.tmdl"].decode(),
    "page": page(),
    "missing": str(table.missing("/r")),
}))
"""


@pytest.fixture(scope="module")
def known(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    copy = tmp_path_factory.mktemp("project")
    for name in PACKAGES:
        shutil.copytree(PROJECT / name, copy / name, ignore=shutil.ignore_patterns("__pycache__"))
    add_to(copy)
    done = subprocess.run(
        [sys.executable, "-c", LOOK], cwd=copy, env={"PYTHONPATH": str(copy)}, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    return dict(json.loads(done.stdout))


def test_a_run_makes_it_before_the_gate(known: dict[str, Any]) -> None:
    steps = known["steps"]
    assert steps.index("gold: recommendations") < steps.index("gold: likes") < steps.index("gate: check gold")


def test_the_gate_checks_it_with_its_own_suite_and_accepts_no_version_without_it(known: dict[str, Any]) -> None:
    assert known["gated"]
    assert known["checked"]
    assert known["selected"]
    assert known["suite"]


def test_power_bi_gets_it_with_its_descriptions(known: dict[str, Any]) -> None:
    model = known["model"]
    assert "/// One title that somebody liked. From gold.likes.\ntable likes" in model.replace("\r\n", "\n")
    assert "\t/// Number of likes.\n\tcolumn likes" in model.replace("\r\n", "\n")
    assert "\tcolumn content_key" in model


def test_the_page_of_tables_lists_it(known: dict[str, Any]) -> None:
    assert (
        "| [`gold.likes`](#goldlikes) | one title that somebody liked | `gold/count_likes.py` |" in known["page"]
    )
    assert "| `likes` | `bigint`, not null | Number of likes |" in known["page"]


def test_the_error_where_it_is_missing_names_the_command(known: dict[str, Any]) -> None:
    assert known["missing"] == (
        "table gold.likes does not exist under /r; make it with: lakehouse run --select gold"
    )
