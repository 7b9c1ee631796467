"""What doctor finds, with folders, ports and executables made for each case."""

import io
import json
import os
import socket
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from lakehouse.jvm.java import find_java
from lakehouse.settings import KafkaSettings, load_settings
from lakehouse.spark.environment import STARTERS
from operations import cli
from operations.commands import doctor
from operations.commands.doctor import Finding
from tests.support.fake_java import make_java, says

NOW = datetime(2025, 5, 13, 12, tzinfo=UTC)


@pytest.fixture(autouse=True)
def _no_jvm(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    java = make_java(tmp_path_factory.mktemp("java"), says("/opt/java", "17"))
    monkeypatch.setenv("JAVA_HOME", str(java))
    find_java.cache_clear()
    yield
    find_java.cache_clear()


def kafka(**changes: object) -> KafkaSettings:
    return load_settings().kafka.model_copy(
        update={"bootstrap_servers": "", "connect_timeout_seconds": 0.5, **changes}
    )


def test_every_part_is_looked_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in STARTERS:  # each that is set gives its own line
        monkeypatch.delenv(name, raising=False)
    settings = load_settings().model_copy(update={"root": str(tmp_path), "kafka": kafka(embedded_port=0)})
    findings = doctor.examine(settings)
    assert Finding("Java", "ok", f"17 at /opt/java (JAVA_HOME {os.environ['JAVA_HOME']})") in findings
    checks = [finding.check for finding in findings]
    assert checks == [
        "Python",
        "Java",
        "pyspark",
        "delta-spark",
        "Spark jars",
        "Kafka jars",
        "Kafka",
        "Root",
        "Disk",
        "Memory",
    ]


@pytest.mark.parametrize(("free", "days"), [(80_000_000, None), (50_000_000, "5.0")])
def test_a_disk_that_will_be_full_within_a_week_is_a_note(tmp_path: Path, free: int, days: str | None) -> None:
    """Two files of 10 MB in two days: 10 MB a day."""
    for name, age in (("a", 2), ("b", 0)):
        (tmp_path / name).write_bytes(bytes(10_000_000))
        moment = (NOW - timedelta(days=age)).timestamp()
        os.utime(tmp_path / name, (moment, moment))
    found = list(doctor.growth_findings(str(tmp_path), free, now=NOW))
    assert [(one.status, one.found.partition("full in ")[2]) for one in found] == (
        [] if days is None else [("note", f"{days} days")]
    )


def test_json_lists_the_findings_and_the_exit_code_is_2_if_something_is_missing(tmp_path: Path) -> None:
    root = str(tmp_path / "not yet there")
    settings = load_settings().model_copy(update={"root": root, "kafka": kafka(embedded_port=0)})
    out = io.StringIO()
    code = cli.main(["doctor", "--json"], settings=settings, stdout=out)
    findings = json.loads(out.getvalue())
    assert {tuple(finding) for finding in findings} == {("check", "status", "found", "todo")}
    assert code == (2 if any(finding["status"] == "missing" for finding in findings) else 0)


def test_no_java_is_missing_and_says_what_to_install(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("JAVA_HOME", raising=False)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("CJDK_CACHE_DIR", str(tmp_path / "cjdk"))
    monkeypatch.setenv("CJDK_INDEX_URL", "https://127.0.0.1:1/index.json")
    [finding] = doctor.java_findings()
    assert (finding.check, finding.status) == ("Java", "missing")
    assert "apt-get install openjdk-17-jre-headless" in finding.todo


def test_a_package_that_is_not_installed_is_missing() -> None:
    [finding] = doctor.package_findings("no-such-package-here")
    todo = "run make setup, or pip install no-such-package-here"
    assert finding == Finding("no-such-package-here", "missing", "not installed", todo)


@pytest.mark.parametrize(("cached", "status"), [(True, "ok"), (False, "note")])
def test_spark_jars_that_are_not_cached_are_only_a_note(tmp_path: Path, cached: bool, status: str) -> None:
    if cached:
        jar = tmp_path / "jars" / "io.delta_delta-spark-1.0.jar"
        jar.parent.mkdir()
        jar.write_bytes(b"")
    defaults = {"spark.jars.ivy": str(tmp_path), "spark.jars.packages": "io.delta:delta-spark:1.0"}
    assert next(doctor.jar_findings(defaults)).status == status


def test_kafka_jars_that_are_not_cached_are_only_a_note(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("JGO_CACHE_DIR", str(tmp_path))
    _, finding = doctor.jar_findings({})
    assert (finding.check, finding.status) == ("Kafka jars", "note")


def test_a_taken_embedded_port_is_a_note() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        [finding] = doctor.kafka_findings(kafka(embedded_port=port))
    assert (finding.status, finding.found) == ("note", f"something else listens at 127.0.0.1:{port}")
    [finding] = doctor.kafka_findings(kafka(embedded_port=port))
    assert (finding.status, finding.found) == ("ok", f"the embedded broker will listen at 127.0.0.1:{port}")


def test_a_configured_cluster_that_does_not_answer_is_missing() -> None:
    [finding] = doctor.kafka_findings(kafka(bootstrap_servers="127.0.0.1:1"))
    assert (finding.status, finding.found) == ("missing", "no Kafka broker answers at 127.0.0.1:1 within 0.5 s")
    assert finding.todo


def test_a_root_that_cannot_be_written_is_missing(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_text("no folder")
    root = next(doctor.root_findings(str(file / "lakehouse")))
    assert (root.check, root.status) == ("Root", "missing")


def test_a_locale_in_which_spark_submit_cannot_write_the_root_is_a_note(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(doctor, "utf8_locale", lambda: {"LC_ALL": "C.UTF-8"})
    assert next(doctor.root_findings(f"{tmp_path}/lake")).check == "Root"
    finding = next(doctor.root_findings(f"{tmp_path}/raíz"))
    assert (finding.check, finding.status) == ("Locale", "note")


def test_an_object_store_is_not_looked_into() -> None:
    [finding] = doctor.root_findings("s3a://bucket/lakehouse")
    assert finding.status == "note"


@pytest.mark.parametrize(("memory", "status"), [(4 * 1024**3, "ok"), (4 * 1024**3 - 1, "note")])
def test_little_memory_is_a_note(memory: int, status: str) -> None:
    [finding] = doctor.memory_findings(memory)
    assert finding.status == status
