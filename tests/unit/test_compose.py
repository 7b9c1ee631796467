"""docker-compose.yml and the Dockerfile: what can be checked without a Docker daemon."""

import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from lakehouse import settings as settings_module
from lakehouse.spark.defaults import spark_defaults
from lakehouse.tables import find_table
from tests.support.folders import PROJECT

COMPOSE = PROJECT / "docker-compose.yml"
DOCKERFILE = (PROJECT / "Dockerfile").read_text(encoding="utf-8")
SERVICES: dict[str, Any] = yaml.safe_load(COMPOSE.read_text(encoding="utf-8"))["services"]
LONG_RUNNING = [name for name, service in SERVICES.items() if service.get("restart", "no") != "no"]
JOB_FILE = re.compile(r"[a-z_]+/[a-z_]+\.(?:py|conf)")
MODULE = re.compile(r"-m ([a-z_.]+)")
# services that run the project's own image
OWN = [name for name, service in SERVICES.items() if service["image"].startswith("streaming-lakehouse:")]
DRIVERS = ["bronze", "silver", "gold"]


def words(service: dict[str, Any]) -> str:
    command = service.get("command", "")
    return command if isinstance(command, str) else " ".join(command)


@pytest.mark.parametrize("name", SERVICES)
def test_images_are_pinned_by_a_tag(name: str) -> None:
    _, _, tag = SERVICES[name]["image"].rpartition("/")[2].partition(":")
    assert re.match(r"v?\d", tag), f"{name}: {SERVICES[name]['image']}"


def test_every_stage_begins_with_one_pinned_base_image() -> None:
    bases = re.findall(r"^FROM (\S+)", DOCKERFILE, re.MULTILINE)
    assert len(bases) == 3
    assert len(set(bases)) == 1
    assert re.search(r":\d[\w.-]+$", bases[0])


def test_the_dockerfile_lints_clean() -> None:
    """Exceptions are in the file, each with its reason."""
    program = Path(sys.executable).with_name("hadolint")
    if not program.exists():
        pytest.skip("needs hadolint (make test-tools)")
    done = subprocess.run([program, "Dockerfile"], cwd=PROJECT, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "")


def test_the_last_stage_needs_no_network() -> None:
    stage = DOCKERFILE.rpartition("\nFROM ")[2]
    assert (
        re.findall(r"apt-get|\bpip\b|curl|wget|spark-submit ", re.sub(r"^#.*$", "", stage, flags=re.MULTILINE))
        == []
    )


def test_the_image_has_a_user_of_its_own() -> None:
    created = re.findall(r"useradd --uid (\d+)", DOCKERFILE)
    assert re.findall(r"^USER (\S+)", DOCKERFILE, re.MULTILINE) == created == ["10001"]


@pytest.mark.parametrize("name", LONG_RUNNING)
def test_long_running_services_have_a_healthcheck(name: str) -> None:
    assert SERVICES[name]["healthcheck"]["test"][0] in {"CMD", "CMD-SHELL"}


@pytest.mark.parametrize("name", SERVICES)
def test_dependencies_are_awaited_until_they_are_healthy(name: str) -> None:
    for needed, how in SERVICES[name].get("depends_on", {}).items():
        assert how == {"condition": "service_healthy"}
        assert "healthcheck" in SERVICES[needed]


@pytest.mark.parametrize("name", SERVICES)
def test_files_and_modules_of_the_commands_exist(name: str) -> None:
    command = words(SERVICES[name])
    files = JOB_FILE.findall(command) + [f"{module.replace('.', '/')}.py" for module in MODULE.findall(command)]
    assert [file for file in files if not (PROJECT / file).is_file()] == []


@pytest.mark.parametrize("name", OWN)
def test_containers_write_only_to_volumes_and_memory(name: str) -> None:
    service = SERVICES[name]
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    # native libraries are unpacked in /tmp and loaded from there
    assert any(mount.startswith("/tmp:exec") for mount in service["tmpfs"])  # noqa: S108 - in a container


@pytest.mark.parametrize("name", SERVICES)
def test_memory_and_processes_are_limited(name: str) -> None:
    assert re.fullmatch(r"\d+[mg]", SERVICES[name]["mem_limit"])
    assert SERVICES[name]["pids_limit"] > 0


@pytest.mark.parametrize("name", DRIVERS)
def test_drivers_are_reachable_by_their_service_name(name: str) -> None:
    command = words(SERVICES[name])
    assert "--master spark://spark-master:7077" in command
    assert "--load-spark-defaults --properties-file conf/cluster.conf" in command
    assert f"spark.driver.host={name}" in command


def test_the_settings_of_a_cluster_open_the_driver_to_other_machines() -> None:
    settings = spark_defaults(PROJECT / "conf" / "cluster.conf")
    assert settings["spark.driver.bindAddress"] == "0.0.0.0"  # noqa: S104
    assert "spark.master" not in settings


@pytest.mark.parametrize(("name", "needed"), [("silver", "bronze"), ("gold", "silver"), ("checks", "silver")])
def test_a_service_that_reads_tables_waits_for_them(name: str, needed: str) -> None:
    """The job that writes them is healthy once they exist: no reader starts before and fails."""
    assert SERVICES[name]["depends_on"] == {needed: {"condition": "service_healthy"}}
    asked = re.findall(r"lakehouse history (\S+)", " ".join(SERVICES[needed]["healthcheck"]["test"]))
    assert {find_table(table).layer for table in asked} == {needed}


def test_the_jobs_at_one_time_fit_the_cluster() -> None:
    """A job without a free core waits for ever: bronze, silver and gold run at the same time."""
    wanted = sum(
        int(core) for service in SERVICES.values() for core in re.findall(r"cores\.max=(\d+)", words(service))
    )
    offered = int(re.findall(r"--cores (\d+)", words(SERVICES["spark-worker"]))[0])
    assert wanted <= offered * SERVICES["spark-worker"]["deploy"]["replicas"]


def test_prometheus_scrapes_each_stream() -> None:
    scrapes = yaml.safe_load((PROJECT / "conf" / "prometheus" / "docker.yml").read_text(encoding="utf-8"))
    [targets] = [one["targets"] for job in scrapes["scrape_configs"] for one in job["static_configs"]]
    ports = {name: SERVICES[name]["environment"]["LAKEHOUSE_METRICS__PORT"] for name in ("bronze", "silver")}
    assert targets == [f"{name}:{port}" for name, port in ports.items()]


@pytest.mark.parametrize("name", SERVICES)
def test_ports_are_open_to_this_machine_only(name: str) -> None:
    assert [port for port in SERVICES[name].get("ports", []) if not str(port).startswith("127.0.0.1:")] == []


def test_there_are_no_secrets() -> None:
    """A variable without a value is taken from the shell that starts the service."""
    text = COMPOSE.read_text(encoding="utf-8") + DOCKERFILE
    text = text.replace("environment: [ROOT_ACCESS_KEY, ROOT_SECRET_KEY]", "")
    assert re.findall(r"(?i)passw|secret|token|credential|access.?key", text) == []


@pytest.mark.parametrize("name", [name for name in OWN if name != "spark-master"])
def test_the_root_is_one_volume_for_all(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LAKEHOUSE_ENV", "docker")
    monkeypatch.setenv("LAKEHOUSE_CONF", str(PROJECT / "conf"))
    settings_module.load_settings.cache_clear()
    try:
        settings = settings_module.load_settings()
    finally:
        settings_module.load_settings.cache_clear()
    assert settings.kafka.bootstrap_servers == "kafka:9092"
    assert SERVICES[name]["volumes"][0] == f"lakehouse:{settings.root}"


def test_the_image_holds_all_that_it_copies() -> None:
    """.dockerignore excludes everything except what it names."""
    copied = re.findall(r"^COPY (?!--from)(.+) \S+$", DOCKERFILE, re.MULTILINE)
    sources = {source.partition("/")[0] for line in copied for source in line.split()}
    ignore = (PROJECT / ".dockerignore").read_text(encoding="utf-8").splitlines()
    assert {line.removeprefix("!") for line in ignore if line.startswith("!")} == sources
    assert [source for source in sources if not (PROJECT / source).exists()] == []
