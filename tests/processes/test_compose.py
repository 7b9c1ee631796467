"""docker-compose.yml as parsed by Docker Compose, and its producers' health check as a process."""

import os
import subprocess
import sys
from typing import Any

import pytest
import yaml

from lakehouse.kafka.client import Cluster
from tests.support.compose import compose_command
from tests.support.folders import PROJECT

COMPOSE = PROJECT / "docker-compose.yml"
SERVICES: dict[str, Any] = yaml.safe_load(COMPOSE.read_text(encoding="utf-8"))["services"]


def test_compose_accepts_the_file() -> None:
    command = compose_command()
    if command is None:
        pytest.skip("needs docker-compose, or docker with its compose plugin (make test-tools)")
    profiles = [word for name in ("producers", "metrics", "s3") for word in ("--profile", name)]
    answer = subprocess.run(
        [*command, "-f", str(COMPOSE), *profiles, "config"], capture_output=True, text=True, check=False
    )
    assert answer.returncode == 0, answer.stderr
    assert set(yaml.safe_load(answer.stdout)["services"]) == set(SERVICES)


def test_the_producers_healthcheck_fails_unless_the_broker_answers(broker: Cluster) -> None:
    """The command itself, since no container runs it here."""
    kind, program, *arguments = SERVICES["users"]["healthcheck"]["test"]
    assert (kind, program) == ("CMD", "python")
    for address, healthy in ((broker.bootstrap, True), ("127.0.0.1:1", False)):
        variables = {**os.environ, "LAKEHOUSE_KAFKA__BOOTSTRAP_SERVERS": address}
        done = subprocess.run(
            [sys.executable, *arguments], cwd=PROJECT, env=variables, capture_output=True, check=False
        )
        assert (done.returncode == 0) is healthy, done.stderr.decode()
