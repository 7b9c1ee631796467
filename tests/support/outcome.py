"""A call of the `lakehouse` command in this process, and its result."""

import io
from collections.abc import Callable
from typing import NamedTuple

from lakehouse.settings import Settings
from operations import cli
from operations.call import SessionFactory


class Outcome(NamedTuple):
    """The exit code, stdout and stderr."""

    code: int
    out: str
    err: str


Command = Callable[..., Outcome]


def command_with(session: SessionFactory) -> Command:
    """Takes the command's arguments, `settings`, and by name the settings that differ from these."""

    def call(*arguments: str, settings: Settings, **changes: object) -> Outcome:
        out, err = io.StringIO(), io.StringIO()
        try:
            code = cli.main(
                arguments, settings=settings.model_copy(update=changes), session=session, stdout=out, stderr=err
            )
        except SystemExit as ended:  # argparse
            code = int(ended.code or 0)
        return Outcome(code, out.getvalue(), err.getvalue())

    return call
