"""The wheel in an environment of its own, used far from the checkout, of which nothing is importable."""

import json
import subprocess
import sys
import sysconfig
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from lakehouse.settings import Settings, load_settings
from tests.support import new_gold_table
from tests.support.folders import PROJECT
from tests.support.outcome import Outcome
from tests.support.processes import BIN, TIMEOUT, environment
from tests.support.small import with_small_demo

PACKAGES = ("bronze", "gold", "lakehouse", "operations", "producers", "quality", "silver")


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("dist")
    build = [sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", str(folder)]
    subprocess.run(build, cwd=PROJECT, check=True, capture_output=True)
    (made,) = folder.glob("*.whl")
    return made


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An environment with the wheel. The packages it needs come from this test's, so nothing is downloaded."""
    folder = tmp_path_factory.mktemp("installed") / "venv"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(folder)], check=True)
    python = folder / "bin" / "python"
    pip = [sys.executable, "-m", "pip", "--python", str(python), "install", "--quiet"]
    subprocess.run([*pip, "--no-deps", "--no-index", str(wheel)], check=True)
    # the class archives of this test's environment: creating new ones takes a minute
    (folder / "var").symlink_to(Path(sys.prefix) / "var")
    # the .pth files in there, and so the checkout, are not read: site.py reads those of its own folders only
    (_packages(folder) / "borrowed.pth").write_text(f"{sysconfig.get_path('purelib')}\n", encoding="utf-8")
    return folder


def test_the_wheel_has_every_file_of_the_packages_and_nothing_else(wheel: Path) -> None:
    shipped = {
        file.relative_to(PROJECT).as_posix()
        for name in PACKAGES
        for file in (PROJECT / name).rglob("*")
        if file.is_file() and "__pycache__" not in file.parts
    }
    conf = PROJECT / "conf"
    settings = {f"lakehouse/conf/{file.relative_to(conf)}" for file in conf.rglob("*") if file.is_file()}
    with zipfile.ZipFile(wheel) as content:
        names = {name for name in content.namelist() if ".dist-info/" not in name}
    assert names == shipped | settings


def test_the_installed_lakehouse_runs_far_from_its_checkout(
    installed: Path, tmp_path: Path, prepared: Callable[[Path], Path]
) -> None:
    here, packages = tmp_path / "here", _packages(installed)
    root = prepared(here / "data" / "lakehouse")
    variables = _variables()

    def run(program: Path, *arguments: str) -> Outcome:
        return _run(str(program), *arguments, folder=here, variables=variables)

    def lakehouse(*arguments: str) -> Outcome:
        return run(installed / "bin" / "lakehouse", *arguments)

    where = "import lakehouse, sys; print(lakehouse.__file__, *sys.path, sep='\\n')"
    code, *path = run(installed / "bin" / "python", "-c", where).out.splitlines()
    assert code == str(packages / "lakehouse" / "__init__.py")
    assert str(PROJECT) not in path

    settings = lakehouse("config", "--json")
    assert settings.code == 0, settings.err
    assert json.loads(settings.out)["root"] == str(root)
    files = json.loads(lakehouse("config", "--files", "--json").out)
    assert files == {
        "settings": [str(packages / "lakehouse" / "conf" / "lakehouse.toml")],
        "spark_defaults": str(packages / "lakehouse" / "conf" / "spark-defaults.conf"),
        "jobs": str(packages),
    }
    doctor = lakehouse("doctor")
    assert doctor.code == 0, doctor.out
    assert f"{root} is writable" in doctor.out

    demo = lakehouse("demo", "--json")
    assert demo.code == 0, demo.err
    assert json.loads(demo.out)["tables"]["silver.users"]["rows"] > 0
    assert (root / "exports" / "final_recommendations.csv").is_file()

    # a gold table that is added by its declaration, its job and its suite
    new_gold_table.add_to(packages)
    script = f"{files['jobs']}/{new_gold_table.SCRIPT}"
    submit = [str(BIN / "spark-submit"), "--properties-file", files["spark_defaults"], script]
    workers = {"PYSPARK_PYTHON": str(installed / "bin" / "python")}
    job = _run(*submit, folder=here, variables=variables | workers)
    assert job.code == 0, job.err
    check = lakehouse("check", new_gold_table.NAME, "--json")
    assert check.code == 0, check.out + check.err
    (checked,) = json.loads(check.out)["tables"]
    assert (checked["table"], checked["status"]) == (new_gold_table.NAME, "passed")
    assert [path.name for path in here.iterdir()] == ["data"]


def _packages(environment: Path) -> Path:
    (folder,) = environment.glob("lib/python*/site-packages")
    return folder


def _variables() -> dict[str, str]:
    """The smallest demo's settings. The root is not among them: its default is a folder below the current one."""
    settings: Settings = with_small_demo(load_settings())
    kafka = settings.kafka.model_copy(update={"bootstrap_servers": "", "embedded_port": 0})
    variables = environment(settings.model_copy(update={"kafka": kafka}))
    return {name: text for name, text in variables.items() if name != "PYTHONPATH"}


def _run(*command: str, folder: Path, variables: dict[str, str]) -> Outcome:
    done = subprocess.run(
        command, cwd=folder, env=variables, capture_output=True, text=True, timeout=TIMEOUT, check=False
    )
    return Outcome(done.returncode, done.stdout, done.stderr)
