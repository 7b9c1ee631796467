"""The commands that read lists and write files for people, as processes that find no Java."""

import csv
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from lakehouse.exports import RECOMMENDATIONS_CSV, REPORT_HTML, export_path
from tests.support.folders import EVERY_SIGN, PROJECT
from tests.support.lists import make_lists

# The command, then the most memory that it had, in kB: the resource usage also counts what its parent had.
_RUN = """
import sys
from operations import cli

def and_memory(main=cli.main):
    code = main()
    sys.stderr.writelines(line for line in open("/proc/self/status") if line.startswith("VmHWM"))
    return code

cli.main = and_memory
cli.run()
"""


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("lists")
    make_lists(str(folder / "plain"))
    return (folder / "plain").rename(folder / EVERY_SIGN)


def run(root: Path, *arguments: str) -> dict[str, Any]:
    """What the command prints as JSON. It takes at most 300 MB."""
    variables = {name: value for name, value in os.environ.items() if not name.startswith(("JAVA", "SPARK"))}
    variables |= {"LAKEHOUSE_ROOT": str(root), "PATH": ""}
    done = subprocess.run(
        [sys.executable, "-c", _RUN, *arguments, "--json"],
        cwd=PROJECT,
        env=variables,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert int(done.stderr.splitlines()[-1].split()[1]) <= 300_000
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def test_recommend_and_similar(root: Path) -> None:
    found = run(root, "recommend", "007")
    assert [title["titulo"] for title in found["titles"]] == ["Spy", "More tears", "[bold]Alone[/bold]"]
    assert found["titles"][0]["liked_alike"][0]["titulo"] == "Tears"  # from the model's factors
    assert [title["titulo"] for title in run(root, "similar", "t1")["by_factors"]] == ["Tears", "Agent"]


def test_report_and_export(root: Path) -> None:
    report = run(root, "report")
    assert report["report"] == export_path(str(root), REPORT_HTML)
    assert (report["users"], report["versions"]["gold.recommendations"]) == (2, 0)
    assert "More tears" in Path(report["report"]).read_text(encoding="utf-8")
    exported = run(root, "export", "--no-gate")
    assert exported["csv"] == export_path(str(root), RECOMMENDATIONS_CSV)
    with Path(exported["csv"]).open(encoding="utf-8-sig", newline="") as file:
        assert [row[2] for row in list(csv.reader(file))[1:]] == [
            "Spy",
            "More tears",
            "[bold]Alone[/bold]",
            "Tears",
        ]
    assert {table["table"]: table["rows"] for table in exported["tables"]}["silver.content"] == 6
