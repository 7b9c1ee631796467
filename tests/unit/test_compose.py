"""docker-compose.yml and the Dockerfile: what can be checked without a Docker daemon."""

import re
from typing import Any

import pytest
import yaml

from lakehouse import settings as settings_module
from tests.support.folders import PROJECT

COMPOSE = PROJECT / "docker-compose.yml"
SERVICES: dict[str, Any] = yaml.safe_load(COMPOSE.read_text(encoding="utf-8"))["services"]
LONG_RUNNING = [name for name, service in SERVICES.items() if service.get("restart", "no") != "no"]
JOB_FILE = re.compile(r"[a-z_]+/[a-z_]+\.(?:py|conf)")
MODULE = re.compile(r"-m ([a-z_.]+)")


def words(service: dict[str, Any]) -> str:
    command = service.get("command", "")
    return command if isinstance(command, str) else " ".join(command)


@pytest.mark.parametrize("name", SERVICES)
def test_images_are_pinned_by_a_tag(name: str) -> None:
    _, _, tag = SERVICES[name]["image"].rpartition("/")[2].partition(":")
    assert re.match(r"\d", tag), f"{name}: {SERVICES[name]['image']}"


def test_the_base_image_is_pinned_by_a_tag() -> None:
    bases = re.findall(r"^FROM (\S+)", (PROJECT / "Dockerfile").read_text(encoding="utf-8"), re.MULTILINE)
    assert [re.search(r":\d[\w.-]+$", base) is not None for base in bases] == [True]


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


@pytest.mark.parametrize("name", ["bronze", "silver", "gold"])
def test_drivers_are_reachable_by_their_service_name(name: str) -> None:
    command = words(SERVICES[name])
    assert "--master spark://spark-master:7077" in command
    assert f"spark.driver.host={name}" in command
    assert "spark.driver.bindAddress=0.0.0.0" in command


def test_the_jobs_at_one_time_fit_the_cluster() -> None:
    """A job without a free core waits for ever: bronze, silver and gold run at the same time."""
    wanted = sum(
        int(core) for service in SERVICES.values() for core in re.findall(r"cores\.max=(\d+)", words(service))
    )
    offered = int(re.findall(r"--cores (\d+)", words(SERVICES["spark-worker"]))[0])
    assert wanted <= offered * SERVICES["spark-worker"]["deploy"]["replicas"]


@pytest.mark.parametrize("name", SERVICES)
def test_ports_are_open_to_this_machine_only(name: str) -> None:
    assert [port for port in SERVICES[name].get("ports", []) if not str(port).startswith("127.0.0.1:")] == []


def test_there_are_no_secrets() -> None:
    text = COMPOSE.read_text(encoding="utf-8") + (PROJECT / "Dockerfile").read_text(encoding="utf-8")
    assert re.findall(r"(?i)passw|secret|token|credential|access.?key", text) == []


@pytest.mark.parametrize("name", ["spark-worker", "bronze", "silver", "gold"])
def test_the_root_is_one_volume_for_all(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LAKEHOUSE_ENV", "docker")
    monkeypatch.setenv("LAKEHOUSE_CONF", str(PROJECT / "conf"))
    settings_module.load_settings.cache_clear()
    try:
        settings = settings_module.load_settings()
    finally:
        settings_module.load_settings.cache_clear()
    assert settings.kafka.bootstrap_servers == "kafka:9092"
    assert SERVICES[name]["volumes"] == [f"lakehouse:{settings.root}"]


def test_the_image_holds_all_that_it_copies() -> None:
    """.dockerignore excludes everything except what it names."""
    copied = re.findall(
        r"^COPY --chown=\S+ (.+) \S+$", (PROJECT / "Dockerfile").read_text(encoding="utf-8"), re.MULTILINE
    )
    sources = {source.rstrip("/") for line in copied for source in line.split()}
    ignore = (PROJECT / ".dockerignore").read_text(encoding="utf-8").splitlines()
    assert {line.removeprefix("!") for line in ignore if line.startswith("!")} == sources
    assert [source for source in sources if not (PROJECT / source).exists()] == []
