"""Variables that point to another Spark, Java or Python, or to none: each is named before a JVM starts."""

import importlib.metadata
import io
import os
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import NoReturn

import pytest

from lakehouse.errors import MachineError
from lakehouse.jvm.java import find_java
from lakehouse.settings import load_settings
from lakehouse.spark.environment import drop_empty_variables, environment_faults, suspects
from lakehouse.spark.session import spark_session
from operations import cli
from operations.commands import doctor
from tests.support.fake_java import make_java, refuses
from tests.support.folders import PROJECT

GIVEN = ("SPARK_", "PYSPARK_", "JAVA_TOOL", "JDK_JAVA", "_JAVA_OPTIONS", "PYTHONPATH")
# /bin/true on Linux, /usr/bin/true on macOS
TRUE = shutil.which("true")
DEFAULTS = PROJECT / "conf" / "spark-defaults.conf"


@pytest.fixture(autouse=True)
def nothing_set(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.startswith(GIVEN)]:
        monkeypatch.delenv(name)


def spark_home(folder: Path, version: str) -> Path:
    for name in ("bin/spark-submit", f"jars/spark-core_2.13-{version}.jar"):
        (folder / name).parent.mkdir(parents=True)
        (folder / name).touch()
    return folder


def program(folder: Path, says: str) -> Path:
    file = folder / "program"
    file.write_text(f"#!/bin/sh\n{says}\n")
    file.chmod(0o755)
    return file


def failing(error: Exception) -> Callable[..., NoReturn]:
    def fail(*_: object, **__: object) -> NoReturn:
        raise error

    return fail


def test_a_clean_environment_has_no_fault() -> None:
    assert list(environment_faults()) == []
    assert suspects() == []


@pytest.mark.parametrize(
    ("name", "value", "problem"),
    [
        (
            "SPARK_HOME",
            "{folder}/nowhere",
            "SPARK_HOME = {folder}/nowhere is not a Spark installation: it has no bin/spark-submit",
        ),
        ("SPARK_HOME", "{folder}/3.5.1", "SPARK_HOME = {folder}/3.5.1 is Spark 3.5.1, but pyspark is "),
        ("SPARK_HOME", "{folder}/amzn", "SPARK_HOME = {folder}/amzn is Spark 4.2.0-amzn-0, but pyspark is "),
        ("SPARK_CONF_DIR", "{folder}/nowhere", "SPARK_CONF_DIR = {folder}/nowhere is not a folder"),
        (
            "SPARK_CONF_DIR",
            "{folder}",
            "SPARK_CONF_DIR = {folder} has no spark-defaults.conf that sets spark.sql.ext",
        ),
        ("PYSPARK_SUBMIT_ARGS", "--master local[2]", "PYSPARK_SUBMIT_ARGS does not end with pyspark-shell"),
        (
            "PYSPARK_SUBMIT_ARGS",
            "pyspark-shell",
            "PYSPARK_SUBMIT_ARGS does not set spark.sql.extensions and spark.sql.",
        ),
        (
            "PYSPARK_SUBMIT_ARGS",
            "--conf spark.a=geheim pyspark-shell",
            "PYSPARK_SUBMIT_ARGS does not set spark.sql.ext",
        ),
        (
            "PYSPARK_SUBMIT_ARGS",
            "'pyspark-shell",
            "PYSPARK_SUBMIT_ARGS cannot be read as arguments: No closing quot",
        ),
        (
            "PYSPARK_SUBMIT_ARGS",
            "--properties-file {folder} pyspark-shell",
            "PYSPARK_SUBMIT_ARGS names a file that cannot be used: {folder} is a folder",
        ),
        ("PYSPARK_PYTHON", "{folder}/nowhere", "PYSPARK_PYTHON = {folder}/nowhere is not a program"),
        ("PYSPARK_PYTHON", f"{TRUE}", f"PYSPARK_PYTHON = {TRUE} is not Python"),
        (
            "PYSPARK_PYTHON",
            "{folder}/program",
            "PYSPARK_PYTHON = {folder}/program is Python 2.7, but this process runs 3.",
        ),
        (
            "SPARK_REMOTE",
            "sc://localhost",
            "SPARK_REMOTE selects Spark Connect, which the lakehouse does not support",
        ),
        (
            "SPARK_API_MODE",
            "connect",
            "SPARK_API_MODE selects Spark Connect, which the lakehouse does not support",
        ),
        (
            "SPARK_CONNECT_MODE_ENABLED",
            "1",
            "SPARK_CONNECT_MODE_ENABLED selects Spark Connect, which the lakehouse does not support",
        ),
    ],
)
def test_what_breaks_the_start_is_named_by_doctor_and_by_the_command(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, value: str, problem: str
) -> None:
    spark_home(tmp_path / "3.5.1", "3.5.1")
    spark_home(tmp_path / "amzn", "4.2.0-amzn-0")
    program(tmp_path, "echo 2.7")
    monkeypatch.setenv(name, value.format(folder=tmp_path))
    [finding] = [finding for finding in doctor.environment_findings() if finding.status == "missing"]
    assert finding.check == name
    assert finding.found.startswith(problem.format(folder=tmp_path))
    with pytest.raises(MachineError) as error, spark_session("never"):
        pass
    assert str(error.value) == f"{finding.found}; unset {name}, or correct it"
    assert "geheim" not in str(error.value)


def test_a_python_without_what_workers_need_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    version = "{}.{}".format(*sys.version_info[:2])
    python = program(
        tmp_path, f"echo {version}; echo \"ModuleNotFoundError: No module named 'pandas'\" >&2; exit 1"
    )
    monkeypatch.setenv("PYSPARK_PYTHON", str(python))
    [fault] = environment_faults()
    assert fault.problem == (
        f"PYSPARK_PYTHON = {python} lacks what Spark's workers need: ModuleNotFoundError: No module named 'pandas'"
    )


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("SPARK_CONF_DIR", str(DEFAULTS.parent)),
        ("PYSPARK_SUBMIT_ARGS", f"--properties-file {DEFAULTS} pyspark-shell"),
        ("PYSPARK_SUBMIT_ARGS", f"--properties-file={DEFAULTS} --conf spark.a=b pyspark-shell"),
        ("PYSPARK_PYTHON", sys.executable),
        ("SPARK_API_MODE", "classic"),
    ],
)
def test_what_fits_is_no_fault(monkeypatch: pytest.MonkeyPatch, name: str, value: str) -> None:
    monkeypatch.setenv(name, value)
    assert list(environment_faults()) == []


def test_the_workers_of_a_cluster_have_a_python_of_their_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = DEFAULTS.read_text(encoding="utf-8") + "spark.master spark://host:7077\n"
    (tmp_path / "spark-defaults.conf").write_text(text, encoding="utf-8")
    monkeypatch.setenv("SPARK_CONF_DIR", str(tmp_path))
    monkeypatch.setenv("PYSPARK_PYTHON", "/opt/on/the/workers")
    assert list(environment_faults()) == []


def test_pyspark_of_another_spark_on_the_path_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    package = tmp_path / "pyspark"
    package.mkdir()
    (package / "__init__.py").touch()
    (package / "version.py").write_text('__version__: str = "3.5.1"\n')
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    monkeypatch.syspath_prepend(tmp_path)
    with monkeypatch.context() as without:
        for name in [name for name in sys.modules if name == "pyspark" or name.startswith("pyspark.")]:
            without.delitem(sys.modules, name)
        [fault] = environment_faults()
    assert fault.problem.startswith(
        f"PYTHONPATH puts pyspark 3.5.1 from {package} on the path, but the lakehouse needs "
    )


def test_a_failed_import_is_reported_whatever_the_environment_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SPARK_HOME", str(spark_home(tmp_path, "3.5.1")))
    monkeypatch.setenv("SPARK_REMOTE", "sc://localhost")
    monkeypatch.setattr(cli.importlib, "import_module", failing(ModuleNotFoundError("No module named 'rich'")))
    err = io.StringIO()
    assert cli.main(["config"], settings=load_settings(), stdout=io.StringIO(), stderr=err) == 2
    assert err.getvalue().startswith("lakehouse: No module named 'rich' (")


def test_without_pyspark_no_spark_is_another_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SPARK_HOME", str(spark_home(tmp_path, "3.5.1")))
    monkeypatch.setattr(importlib.metadata, "version", failing(importlib.metadata.PackageNotFoundError("pyspark")))
    assert list(environment_faults()) == []


def test_doctor_reports_the_rest_if_settings_of_spark_cannot_be_read(
    conf: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The Python for the workers is checked as if there were no such settings."""
    (conf / "spark-defaults.conf").write_bytes(b"\xff")
    monkeypatch.setenv("PYSPARK_PYTHON", str(conf / "nowhere"))
    findings = [*doctor.environment_findings(), *doctor.spark_settings_findings()]
    assert [finding.check for finding in findings] == ["PYSPARK_PYTHON", "Spark settings"]
    assert {finding.status for finding in findings} == {"missing"}


@pytest.mark.parametrize("name", ["SPARK_HOME", "SPARK_CONF_DIR", "PYSPARK_SUBMIT_ARGS", "PYSPARK_PYTHON"])
def test_an_empty_variable_is_none(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setenv(name, "")
    assert list(environment_faults()) == []
    drop_empty_variables()
    assert name not in os.environ


@pytest.mark.parametrize("name", ["JAVA_TOOL_OPTIONS", "_JAVA_OPTIONS", "JDK_JAVA_OPTIONS"])
def test_options_with_which_no_jvm_starts_are_named_and_not_shown(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    java = make_java(tmp_path, refuses(name, "Unrecognized VM option 'NoSuchOption=geheim'"))
    monkeypatch.setenv("JAVA_HOME", str(java))
    monkeypatch.setenv(name, "-Dpassword=geheim -XX:NoSuchOption=geheim")
    find_java.cache_clear()
    try:
        with pytest.raises(MachineError) as error:
            find_java()
        [finding] = doctor.java_findings()
    finally:
        find_java.cache_clear()
    assert str(error.value).startswith(f"no JVM starts with the options in {name}: ")
    assert str(error.value).endswith(f"; correct or unset {name}")
    assert "geheim" not in str(error.value)
    assert finding.found == error.value.problem


@pytest.mark.parametrize("name", ["JAVA_TOOL_OPTIONS", "SPARK_SUBMIT_OPTS", "SPARK_LAUNCHER_OPTS"])
def test_options_that_only_spark_can_judge_are_a_note(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setenv(name, "-Xmx8m")
    [finding] = doctor.environment_findings()
    assert (finding.check, finding.status) == (name, "note")


@pytest.mark.parametrize(("port", "message"), [("many", "invalid literal for int"), ("1", "")])
def test_a_port_that_spark_submit_did_not_set_is_named(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, port: str, message: str
) -> None:
    monkeypatch.setattr("pyspark.SparkContext._gateway", None)
    monkeypatch.setenv("PYSPARK_GATEWAY_PORT", port)
    monkeypatch.setenv("PYSPARK_GATEWAY_SECRET", "x")
    err = io.StringIO()
    settings = load_settings().model_copy(update={"root": str(tmp_path / "root")})
    assert cli.main(["sql", "SELECT 1"], settings=settings, stdout=io.StringIO(), stderr=err) == 2
    assert err.getvalue().startswith(
        "lakehouse: PYSPARK_GATEWAY_PORT is set, but spark-submit's JVM does not answer: "
    )
    assert message in err.getvalue()
    assert err.getvalue().endswith("; unset PYSPARK_GATEWAY_PORT\n")
