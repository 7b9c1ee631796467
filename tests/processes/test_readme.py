"""The README's commands do what it says: each is run as it stands there, in its order, on a small lakehouse."""

import os
import re
import shlex
import subprocess
from collections.abc import Iterator, Mapping

import pytest

from tests.support.command_process import CommandProcess
from tests.support.folders import PROJECT
from tests.support.processes import TIMEOUT
from tests.support.quick_models import QUICK_MODELS
from tests.support.readme import README, readme_commands

# These install, or run this very test suite; CI runs them around it.
AROUND_THE_TESTS = ("make demo", "make test")
# test_spark_submit.py runs these lines of the README, and looks at the tables they leave.
SUBMITTED = "spark-submit "
COMMANDS = [line for line in readme_commands() if line not in AROUND_THE_TESTS and not line.startswith(SUBMITTED)]
SMALL = {
    "LAKEHOUSE_KAFKA__EMBEDDED_PORT": "0",
    "LAKEHOUSE_DEMO__USERS": "40",
    "LAKEHOUSE_DEMO__TITLES": "60",
    "LAKEHOUSE_DEMO__FEEDBACK": "300",
    **QUICK_MODELS,
}


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    root = tmp_path_factory.mktemp("readme") / "lakehouse"
    path = f"{PROJECT / '.venv' / 'bin'}{os.pathsep}{os.environ['PATH']}"
    return {**os.environ, **SMALL, "LAKEHOUSE_ROOT": str(root), "PATH": path}


@pytest.fixture(scope="module")
def lakehouse(environment: Mapping[str, str]) -> Iterator[CommandProcess]:
    process = CommandProcess(environment, PROJECT)
    yield process
    process.close()


@pytest.mark.parametrize("command", COMMANDS)
def test_a_command_of_the_readme_works(
    command: str, environment: dict[str, str], lakehouse: CommandProcess
) -> None:
    program, *arguments = shlex.split(command)
    if program == "lakehouse":
        code, printed = lakehouse.run(*arguments)
    else:
        done = subprocess.run(
            [program, *arguments], cwd=PROJECT, env=environment, capture_output=True, text=True, timeout=TIMEOUT
        )
        code, printed = done.returncode, done.stdout + done.stderr
    assert code == 0, printed


def test_the_readme_tells_the_two_commands() -> None:
    assert readme_commands()[:2] == list(AROUND_THE_TESTS)


def test_every_setting_in_the_readme_exists() -> None:
    from lakehouse.settings import variables

    named = set(re.findall(r"LAKEHOUSE_[A-Z_]+[A-Z]", README.read_text(encoding="utf-8")))
    assert named - variables() <= {"LAKEHOUSE_CONF", "LAKEHOUSE_ENV"}
