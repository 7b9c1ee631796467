"""The installation continues after a tool that cannot be installed, and says why in one line."""

import re

import pytest

from tests.support.tools import InstallError, Tool, install, run

BROKEN = ("sh", "-c", "echo first; echo 'E: no such package' >&2; echo last; exit 100")


def test_each_tool_that_was_missing_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    installed: list[str] = []
    tools = [
        Tool("there already", lambda: True, lambda: installed.append("again")),
        Tool("broken", lambda: False, lambda: run(*BROKEN)),
        Tool("without its program", lambda: False, lambda: run("true")),
        Tool("wanted", lambda: bool(installed), lambda: installed.append("wanted")),
    ]
    assert install(tools) == ["broken", "without its program"]
    assert installed == ["wanted"]
    assert capsys.readouterr().out.splitlines() == [
        "not installed: broken: E: no such package",
        "not installed: without its program: its package has no such program",
        "installed: wanted (0 s)",
    ]


@pytest.mark.parametrize(
    ("command", "reason"),
    [
        (BROKEN, "E: no such package"),
        (("sh", "-c", "echo only this; exit 1"), "only this"),
        (("false",), "exit code 1"),
        (("no-such-program",), "No such file or directory: 'no-such-program'"),
    ],
)
def test_a_failed_command_says_why(command: tuple[str, ...], reason: str) -> None:
    with pytest.raises(InstallError, match=f"{re.escape(reason)}$"):
        run(*command)
