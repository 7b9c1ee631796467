"""The command of Docker Compose."""

import shutil
import subprocess


def compose_command() -> list[str] | None:
    """The command for Compose, as Docker's plugin or as its own program, if this machine has either."""
    if shutil.which("docker-compose"):
        return ["docker-compose"]
    version = ["docker", "compose", "version"]
    if shutil.which("docker") and subprocess.run(version, check=False, capture_output=True).returncode == 0:
        return ["docker", "compose"]
    return None
