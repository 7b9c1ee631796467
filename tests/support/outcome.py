"""The result of a call of the `lakehouse` command."""

from collections.abc import Callable
from typing import NamedTuple


class Outcome(NamedTuple):
    """The exit code, stdout and stderr."""

    code: int
    out: str
    err: str


Command = Callable[..., Outcome]
