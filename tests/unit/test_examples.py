"""docs/examples: the systemd unit and the cron table. tests/airflow has Airflow's."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from operations.cli import build_parser
from tests.support.folders import PROJECT

EXAMPLES = PROJECT / "docs" / "examples"
UNIT = (EXAMPLES / "lakehouse.service").read_text(encoding="utf-8")
CRON = (EXAMPLES / "lakehouse.cron").read_text(encoding="utf-8")


@pytest.fixture
def unit(tmp_path: Path) -> Path:
    """The unit for a machine where the lakehouse is installed below a temporary folder."""
    command = tmp_path / ".venv" / "bin" / "lakehouse"
    command.parent.mkdir(parents=True)
    command.touch(mode=0o755)
    file = tmp_path / "lakehouse.service"
    file.write_text(UNIT.replace("/opt/lakehouse", str(tmp_path)), encoding="utf-8")
    return file


def verified(unit: Path) -> subprocess.CompletedProcess[str]:
    if shutil.which("systemd-analyze") is None:
        pytest.skip("needs systemd-analyze")
    return subprocess.run(["systemd-analyze", "verify", unit], capture_output=True, text=True, check=False)


def test_systemd_accepts_the_unit(unit: Path) -> None:
    done = verified(unit)
    assert done.returncode == 0, done.stderr
    assert "lakehouse.service" not in done.stderr


def test_systemd_would_name_an_unknown_setting(unit: Path) -> None:
    unit.write_text(unit.read_text(encoding="utf-8").replace("RestartSec=", "RestartSecs="), encoding="utf-8")
    assert "RestartSecs" in verified(unit).stderr


@pytest.mark.parametrize("line", [line for line in CRON.splitlines() if re.match(r"[\d*]", line)])
def test_cron_lines_have_five_times_a_user_and_a_command_that_exists(line: str) -> None:
    *times, user, command = line.split(maxsplit=6)[:7]
    assert all(re.fullmatch(r"\*|\d+", time) for time in times)
    assert len(times) == 5
    assert user == "lakehouse"
    _, _, arguments = command.partition("cd /opt/lakehouse && .venv/bin/lakehouse ")
    build_parser().parse_args(arguments.split())


def test_the_unit_starts_a_command_that_exists() -> None:
    [arguments] = re.findall(r"^ExecStart=/opt/lakehouse/.venv/bin/lakehouse (.+)$", UNIT, re.MULTILINE)
    assert build_parser().parse_args(arguments.split()).command == "up"
