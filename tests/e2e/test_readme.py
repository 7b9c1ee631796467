"""The README's commands do what it says: each is run as it stands there, in its order, on a small lakehouse."""

import os
import re
import shlex
import subprocess
from pathlib import Path

import pytest

PROJECT = Path(__file__).resolve().parent.parent.parent
# These install, or run this very test suite; CI runs them around it.
AROUND_THE_TESTS = ("make demo", "make test")
SMALL = {
    "LAKEHOUSE_KAFKA__EMBEDDED_PORT": "0",
    "LAKEHOUSE_DEMO__USERS": "40",
    "LAKEHOUSE_DEMO__TITLES": "60",
    "LAKEHOUSE_DEMO__FEEDBACK": "300",
}


def readme_commands() -> list[str]:
    text = (PROJECT / "README.md").read_text(encoding="utf-8")
    blocks = re.findall(r"^```sh\n(.*?)^```", text, flags=re.MULTILINE | re.DOTALL)
    lines = [line.split("  #")[0].strip() for block in blocks for line in block.splitlines()]
    return [line for line in lines if line]


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    root = tmp_path_factory.mktemp("readme") / "lakehouse"
    path = f"{PROJECT / '.venv' / 'bin'}{os.pathsep}{os.environ['PATH']}"
    return {**os.environ, **SMALL, "LAKEHOUSE_ROOT": str(root), "PATH": path}


@pytest.mark.parametrize("command", [line for line in readme_commands() if line not in AROUND_THE_TESTS])
def test_a_command_of_the_readme_works(command: str, environment: dict[str, str]) -> None:
    done = subprocess.run(
        shlex.split(command), cwd=PROJECT, env=environment, capture_output=True, text=True, timeout=300
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_readme_tells_the_two_commands() -> None:
    assert readme_commands()[:2] == list(AROUND_THE_TESTS)


def test_every_setting_in_the_readme_exists() -> None:
    from lakehouse.settings import variables

    named = set(re.findall(r"LAKEHOUSE_[A-Z_]+[A-Z]", (PROJECT / "README.md").read_text(encoding="utf-8")))
    assert named - variables() <= {"LAKEHOUSE_CONF", "LAKEHOUSE_ENV"}
