"""What counts as a yes, typed at a terminal."""

import io
import sys

import pytest

from lakehouse.errors import InputError
from operations.confirmation import confirm


class Typed(io.StringIO):
    """What a user types at a terminal; at its end, Ctrl-D."""

    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize("typed", ["y\n", "YES\n", " yes \n"])
def test_a_yes(typed: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(sys, "stdin", Typed(typed))
    confirm("Sure?", yes=False)
    assert capsys.readouterr().out == "Sure? [y/N] "


@pytest.mark.parametrize("typed", ["\n", "n\n", "yess\n", ""])
def test_anything_else_changes_nothing(typed: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", Typed(typed))
    with pytest.raises(InputError, match="not confirmed, so nothing was changed"):
        confirm("Sure?", yes=False)


def test_without_a_terminal_the_option_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO("y\n"))
    with pytest.raises(InputError, match="add --yes to run without a terminal"):
        confirm("Sure?", yes=False)
    confirm("Sure?", yes=True)
