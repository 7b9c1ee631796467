"""The question before something that cannot be undone."""

import sys

from lakehouse.errors import InputError


def confirm(question: str, *, yes: bool) -> None:
    """Raise InputError unless the user says yes."""
    if yes:
        return
    if not sys.stdin.isatty():
        raise InputError("not confirmed, so nothing was changed", todo="add --yes to run without a terminal")
    try:
        answer = input(f"{question} [y/N] ")
    except EOFError:  # Ctrl-D
        print()
        answer = ""
    if answer.strip().lower() not in ("y", "yes"):
        raise InputError("not confirmed, so nothing was changed")
