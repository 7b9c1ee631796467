"""The JVM of the commands starts with their options, whatever garbage collector the user's options choose."""

import subprocess
from pathlib import Path

import pytest

from lakehouse.jvm import class_archive
from lakehouse.jvm.java import find_java
from lakehouse.jvm.options import fast_jvm

VARIABLES = ("JAVA_TOOL_OPTIONS", "JDK_JAVA_OPTIONS", "_JAVA_OPTIONS", "SPARK_SUBMIT_OPTS")


@pytest.fixture
def nothing_chosen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, conf: Path) -> Path:
    """No user options anywhere; returns Spark's settings file, which has none."""
    monkeypatch.setattr(class_archive, "_FOLDER", tmp_path)  # this JVM would leave an archive of few classes
    for name in (*VARIABLES, "SPARK_CONF_DIR"):
        monkeypatch.delenv(name, raising=False)
    return conf / "spark-defaults.conf"


@pytest.mark.parametrize(
    ("options", "collector"),
    [("", "UseSerialGC"), ("-Xss4m", "UseSerialGC"), ("-Xss4m -XX:+UseParallelGC", "UseParallelGC")],
)
def test_the_collector_is_the_users_or_the_serial_one(
    options: str, collector: str, nothing_chosen: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert not nothing_chosen.exists()
    monkeypatch.setenv("JAVA_TOOL_OPTIONS", options)
    java = find_java()
    command = [str(java.executable), *fast_jvm(java), "-XX:+PrintFlagsFinal", "-version"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    flags = [line.split()[1] for line in done.stdout.splitlines() if "= true" in line]
    assert [name for name in ("UseSerialGC", "UseParallelGC", "UseG1GC") if name in flags] == [collector]


@pytest.mark.parametrize("setting", ["spark.driver.defaultJavaOptions", "spark.driver.extraJavaOptions"])
def test_what_sparks_settings_choose_counts_too(nothing_chosen: Path, setting: str) -> None:
    nothing_chosen.write_text(f"{setting} -Dx=y -XX:+UseZGC -Xshare:off\n")
    options = fast_jvm(find_java())
    assert "-XX:+UseSerialGC" not in options  # a JVM with two collectors does not start
    assert not [option for option in options if "Archive" in option]


def test_only_a_lasting_jvm_has_the_second_compiler() -> None:
    java = find_java()
    lasting, brief = fast_jvm(java, lasting=True), fast_jvm(java)
    assert set(brief) - set(lasting) == {"-XX:TieredStopAtLevel=1", "-XX:ReservedCodeCacheSize=240m"}
    assert set(lasting) < set(brief)
