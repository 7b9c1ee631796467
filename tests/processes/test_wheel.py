"""The wheel in an environment of its own, used far from the checkout, of which nothing is importable.

Its `lakehouse demo` built the small demo that tests share.
"""

import json
import shutil
import subprocess
import zipfile
from pathlib import Path

import pytest

from lakehouse.exports import RECOMMENDATIONS_CSV, export_path
from lakehouse.settings import Settings
from tests.support import new_gold_table
from tests.support.demo import Demo
from tests.support.folders import AWKWARD, PROJECT
from tests.support.outcome import Outcome
from tests.support.processes import BIN, TIMEOUT, far_from_the_checkout, small_submits
from tests.support.wheel import Installed

PACKAGES = ("bronze", "gold", "lakehouse", "maintenance", "operations", "producers", "quality", "silver")


@pytest.fixture
def here(tmp_path: Path) -> Path:
    (tmp_path / "here").mkdir()
    return tmp_path / "here"


def test_the_wheel_has_every_file_of_the_packages_and_nothing_else(installed: Installed) -> None:
    shipped = {
        file.relative_to(PROJECT).as_posix()
        for name in PACKAGES
        for file in (PROJECT / name).rglob("*")
        if file.is_file() and "__pycache__" not in file.parts
    }
    settings = {
        f"lakehouse/{file.relative_to(PROJECT).as_posix()}"
        for file in (PROJECT / "conf").rglob("*")
        if file.is_file()
    }
    with zipfile.ZipFile(installed.wheel) as content:
        names = {name for name in content.namelist() if ".dist-info/" not in name}
    assert names == shipped | settings


def test_the_installed_lakehouse_finds_its_own_files(installed: Installed, demo: Demo, here: Path) -> None:
    # the root is not set: its default is a folder below the current one
    variables = far_from_the_checkout(demo.settings)
    del variables["LAKEHOUSE_ROOT"]

    def lakehouse(*arguments: str) -> Outcome:
        return run(str(installed.lakehouse), *arguments, folder=here, variables=variables)

    where = "import lakehouse, sys; print(lakehouse.__file__, *sys.path, sep='\\n')"
    code, *path = run(str(installed.python), "-c", where, folder=here, variables=variables).out.splitlines()
    assert code == str(installed.packages / "lakehouse" / "__init__.py")
    assert str(PROJECT) not in path

    root = here / "data" / "lakehouse"
    settings = lakehouse("config", "--json")
    assert settings.code == 0, settings.err
    assert json.loads(settings.out)["root"] == str(root)
    assert json.loads(lakehouse("config", "--files", "--json").out) == {
        "settings": [str(installed.packages / "lakehouse" / "conf" / "lakehouse.toml")],
        "spark_defaults": str(installed.packages / "lakehouse" / "conf" / "spark-defaults.conf"),
        "jobs": str(installed.packages),
    }
    doctor = lakehouse("doctor")
    assert doctor.code == 0, doctor.out
    assert f"{root} is writable" in doctor.out


def test_its_demo_left_nothing_where_it_was_started(demo: Demo) -> None:
    assert list(demo.here.iterdir()) == []
    assert Path(export_path(demo.root, RECOMMENDATIONS_CSV)).is_file()


def test_a_gold_table_is_added_by_its_declaration_its_job_and_its_suite(
    installed: Installed, demo: Demo, here: Path, tmp_path: Path
) -> None:
    packages = tmp_path / "packages"
    for name in PACKAGES:
        shutil.copytree(installed.packages / name, packages / name)
    new_gold_table.add_to(packages)

    root = str(shutil.copytree(demo.root, tmp_path / AWKWARD))
    defaults = packages / "lakehouse" / "conf" / "spark-defaults.conf"
    submit = [str(BIN / "spark-submit"), "--properties-file", str(defaults), str(packages / new_gold_table.SCRIPT)]
    variables = submitting(installed, demo.settings, root) | {"PYTHONPATH": str(packages)}
    job = run(*submit, folder=here, variables=variables)
    assert job.code == 0, job.err

    command = [str(installed.lakehouse), "check", new_gold_table.NAME, "--json"]
    check = run(*command, folder=here, variables=variables)
    assert check.code == 0, check.out + check.err
    (checked,) = json.loads(check.out)["tables"]
    assert (checked["table"], checked["status"]) == (new_gold_table.NAME, "passed")
    assert list(here.iterdir()) == []


def submitting(installed: Installed, settings: Settings, root: str) -> dict[str, str]:
    """The variables of a spark-submit whose Python is the installed one."""
    variables = far_from_the_checkout(settings.model_copy(update={"root": root}))
    return variables | small_submits() | {"PYSPARK_PYTHON": str(installed.python)}


def run(*command: str, folder: Path, variables: dict[str, str]) -> Outcome:
    done = subprocess.run(
        command, cwd=folder, env=variables, capture_output=True, text=True, timeout=TIMEOUT, check=False
    )
    return Outcome(done.returncode, done.stdout, done.stderr)
