"""The command of Docker Compose."""

import shutil
import subprocess


def compose_command() -> list[str] | None:
    """Compose as Docker's plugin or as a program of its own, whichever this machine has."""
    if shutil.which("docker-compose"):
        return ["docker-compose"]
    version = ["docker", "compose", "version"]
    if shutil.which("docker") and subprocess.run(version, check=False, capture_output=True).returncode == 0:
        return ["docker", "compose"]
    return None
