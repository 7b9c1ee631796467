"""Programs that the user has chosen, asked what they are."""

import subprocess
from collections.abc import Mapping, Sequence


class NoAnswerError(Exception):
    """The program cannot be started, or does not end in time; the text says which."""


def answer_of(
    command: Sequence[str], *, seconds: float, environment: Mapping[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    """What the program prints, and its exit code. Raises NoAnswerError."""
    try:
        return subprocess.run(  # noqa: S603 - the user's own choice
            list(command),
            env=None if environment is None else dict(environment),
            capture_output=True,
            text=True,
            errors="replace",
            timeout=seconds,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise NoAnswerError(getattr(error, "strerror", None) or "no answer") from error
