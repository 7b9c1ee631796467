"""The command of Docker Compose, and the platform of docker-compose.yml as it runs."""

import json
import os
import shutil
import subprocess
from collections.abc import Sequence
from typing import Any
from urllib.parse import quote

from tests.support.folders import PROJECT
from tests.support.ports import free_ports

# Gold and the audit run again after this many seconds, not the five minutes of the platform. Until silver's first
# batch each run of gold is refused, and costs the start of a JVM.
_EVERY_SECONDS = "60"
_PRODUCERS = ("users", "movies", "series", "feedback")
_PROFILES = ("--profile", "producers", "--profile", "metrics")


def compose_command() -> list[str] | None:
    """The command for Compose, as Docker's plugin or as the older program, if this machine has either."""
    version = ["docker", "compose", "version"]
    if shutil.which("docker") and subprocess.run(version, check=False, capture_output=True).returncode == 0:
        return ["docker", "compose"]
    return ["docker-compose"] if shutil.which("docker-compose") else None


def missing_for_containers() -> str:
    """What this machine lacks to run containers; "" if nothing."""
    if compose_command() is None:
        return "needs docker-compose, or docker with its compose plugin (make test-tools)"
    if shutil.which("docker") is None:
        return "needs the docker command"
    asked = subprocess.run(["docker", "version"], check=False, capture_output=True, text=True)
    last = (asked.stderr.strip().splitlines() or ["it says nothing"])[-1]
    return f"needs a Docker engine that answers: {last}" if asked.returncode else ""


class Platform:
    """The services of docker-compose.yml, with producers and metrics, under a name and ports of their own."""

    def __init__(self) -> None:
        command = compose_command()
        assert command is not None
        kafka_port, spark_port, metrics_port = free_ports(3)
        self._command = [*command, "-p", "lakehouse-test", "-f", str(PROJECT / "docker-compose.yml")]
        self._environment = {
            **os.environ,
            "KAFKA_PORT": str(kafka_port),
            "SPARK_PORT": str(spark_port),
            "METRICS_PORT": str(metrics_port),
            "GOLD_EVERY_SECONDS": _EVERY_SECONDS,
            "CHECKS_EVERY_SECONDS": _EVERY_SECONDS,
        }

    def build(self) -> None:
        self._compose("build").check_returncode()

    def up(self) -> None:
        self._compose(*_PROFILES, "up", "--detach").check_returncode()

    def down(self) -> None:
        self._compose(*_PROFILES, "down", "--volumes", "--timeout", "30").check_returncode()

    def stop_producers(self) -> None:
        self._compose(*_PROFILES, "stop", *_PRODUCERS).check_returncode()

    def inside(self, service: str, *command: str) -> subprocess.CompletedProcess[str]:
        return self._compose("exec", "-T", service, *command, captured=True)

    def kill(self, service: str) -> None:
        """End all its processes as the machine's out-of-memory killer would; the engine may start it again.

        A container that `docker kill` ends counts as stopped by a person, and stays so.
        """
        self.inside(service, "sh", "-c", "kill -9 -1")

    def restarts(self, service: str) -> int:
        (container,) = self._compose("ps", "-q", service, captured=True).stdout.split()
        return int(_docker("inspect", "--format", "{{.RestartCount}}", container))

    def answer(self, *command: str) -> dict[str, Any]:
        """What a `lakehouse` command with --json says; empty as long as it cannot say anything."""
        said = self.inside("checks", "lakehouse", *command, "--json").stdout
        found = json.loads(said) if said else {}
        assert isinstance(found, dict)
        return found

    def rows(self, table: str) -> int:
        states = self.answer("status").get("tables", [])
        return sum(state["rows"] or 0 for state in states if state["table"] == table)

    def metric(self, query: str) -> dict[str, float]:
        """What Prometheus says to a query, by instance."""
        address = f"http://127.0.0.1:9090/api/v1/query?query={quote(query)}"
        said = self.inside("prometheus", "wget", "-q", "-O", "-", address).stdout
        found = json.loads(said)["data"]["result"] if said else []
        return {one["metric"]["instance"]: float(one["value"][1]) for one in found}

    def has_read_everything(self) -> bool:
        """Whether silver has taken every record of Kafka."""
        partitions = self.answer("audit").get("partitions", [])
        return bool(partitions) and not any(one["unread"] or one["unrefined"] for one in partitions)

    def _compose(self, *arguments: str, captured: bool = False) -> subprocess.CompletedProcess[str]:
        command: Sequence[str] = [*self._command, *arguments]
        return subprocess.run(command, check=False, capture_output=captured, text=True, env=self._environment)


def image_bytes(image: str) -> int:
    return int(_docker("image", "inspect", "--format", "{{.Size}}", image))


def _docker(*arguments: str) -> str:
    return subprocess.run(["docker", *arguments], check=True, capture_output=True, text=True).stdout
