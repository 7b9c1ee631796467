"""Errors as a user reads them: what was got, what was expected, what to do next."""

import re
import sys
import traceback
from collections.abc import Callable
from contextlib import suppress
from typing import Any, NamedTuple

_CAUSED_BY = "Caused by: "
_PYTHON_TRACEBACK = "Traceback (most recent call last):"
# What Spark appends to the message of a streaming query: its plan, hundreds of lines long.
_QUERY = "=== Streaming Query ==="
_JAVA_CLASS = re.compile(r"^(?:[a-z_][\w$]*\.)+[A-Z][\w$]*: (?=.)")
# How delta-rs prints a chain of causes: in colour, one a line.
_NEXT_CAUSE = re.compile(r"\s*\x1b\[\d*m\u21b3\x1b\[0m\s*")
# A folder of the path may have such an extension too, so the path must end after it. delta-rs leaves out the slash
# in front of a path, and a store's bucket.
_FILE = re.compile(
    r"(?:[a-z][a-z0-9+.-]*:/*)?((?:(?<=metadata for file )|/)[^\n]*?\.(?:parquet|json|crc|bin))"
    r"(?=$|[\s:;,'\"`)\]}]|\.(?:\s|$))"
)


class LakehouseError(Exception):
    """Wrong input, or a missing part of the environment. Exit code 2."""

    exit_code = 2

    def __init__(self, problem: str, *, todo: str = "") -> None:
        super().__init__(f"{problem}; {todo}" if todo else problem)
        self.problem = problem
        self.todo = todo


class SettingsError(LakehouseError):
    """A setting is unknown, missing or of the wrong type."""


class BrokerError(LakehouseError):
    """No Kafka broker answers, or the embedded one cannot be started."""


class NoBrokerError(BrokerError):
    """No Kafka broker answers for now, or not the one that is needed: it may have been stopped, or be starting."""


class NoStoreError(LakehouseError):
    """The object store of the root does not answer for now."""


class TableError(LakehouseError):
    """A table is missing, unknown, or does not match its contract."""


class InputError(LakehouseError):
    """A file, path or argument from the user is not what was expected."""


class MachineError(LakehouseError):
    """Java, a jar or a permission is missing on this machine."""


class CheckNotRunError(LakehouseError):
    """A check could not run, so nobody knows whether its data is good."""


class CheckFailedError(LakehouseError):
    """Everything ran, but what was checked is not as it should be. Exit code 1."""

    exit_code = 1


class Cause(NamedTuple):
    """The innermost cause of a failure: its one-line message, and the path of the file that it names, or ""."""

    message: str
    file: str = ""


def run_guarded(main: Callable[[], int], *, debug: bool = False) -> int:
    """Run `main`; a failure becomes one line on stderr and an exit code. `debug` adds the stack trace."""
    try:
        return main()
    except KeyboardInterrupt as stop:
        print("stopped", file=sys.stderr)
        return exit_code_of(stop)
    except BrokenPipeError as error:  # nobody is there to read a line
        return exit_code_of(error)
    except Exception as error:  # noqa: BLE001 - the last resort of a command
        report(message_of(error), debug=debug)
        return exit_code_of(error)


def exit_code_of(error: BaseException) -> int:
    """The exit code of a process that this failure ends."""
    if isinstance(error, LakehouseError):
        return error.exit_code
    if isinstance(error, KeyboardInterrupt):
        return 130
    return 1 if isinstance(error, BrokenPipeError) else 2


def message_of(error: Exception) -> str:
    """The failure in one line, as a command reports it."""
    if isinstance(error, LakehouseError):
        return str(error)
    if isinstance(error, PermissionError):
        return f"no permission for {error.filename}; make it writable or set LAKEHOUSE_ROOT to another folder"
    if isinstance(error, OSError):
        return f"{error.strerror or first_line(error)}: {error.filename or ''}".rstrip(": ")
    return f"{first_line(error)} (unexpected {type(error).__name__}; --debug shows the stack trace)"


def first_line(error: BaseException) -> str:
    """The first meaningful line of an error's text: Spark's and py4j's texts have many lines.

    A chain of causes of delta-rs is joined to one line.
    """
    text = _NEXT_CAUSE.sub(": ", str(error))
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    if not lines:
        return type(error).__name__
    if lines[0].startswith("An error occurred while calling") and len(lines) > 1:
        return lines[1].removeprefix(": ")
    return lines[0]


def root_cause(error: BaseException) -> Cause:
    """The innermost cause, through Python's and Java's exception chains and any that a proxy quotes as text.

    An exception in foreachBatch reaches Spark as the text of a Python traceback, which contains the text of a Java
    stack trace, which contains the causes.
    """
    while error.__cause__ is not None:
        error = error.__cause__
    text = _innermost_java(error) or str(error)
    lines = [line.rstrip() for line in text.split(_QUERY)[0].splitlines() if line.strip()]
    message = _JAVA_CLASS.sub("", _innermost_line(lines)) or type(error).__name__
    named = _FILE.search(message)
    return Cause(message, named[1] if named else "")


def java_causes(error: BaseException) -> list[str]:
    """The Java exceptions of the chain, outermost first: each one's class and message."""
    return [str(cause.toString()) for cause in _java_chain(error)]


def _innermost_java(error: BaseException) -> str:
    """The message of the last Java exception in the chain, "" if none is Java's."""
    chain = _java_chain(error)
    return str(chain[-1].getMessage() or chain[-1].toString()) if chain else ""


def _java_chain(error: BaseException) -> list[Any]:
    origin = getattr(error, "_origin", None) or getattr(error, "java_exception", None)
    chain = []
    while origin is not None:
        chain.append(origin)
        origin = origin.getCause()
    return chain


def _innermost_line(lines: list[str]) -> str:
    """The line of the innermost cause in a message that quotes stack traces; otherwise its first line."""
    causes = [line.split(_CAUSED_BY, 1)[1] for line in lines if line.strip().startswith(_CAUSED_BY)]
    if causes:
        return causes[-1]
    tracebacks = [index for index, line in enumerate(lines) if _PYTHON_TRACEBACK in line]
    if not tracebacks:
        return first_line(Exception("\n".join(lines))) if lines else ""
    # the frames of a traceback are indented, the exception's own line is not
    raised = [line for line in lines[tracebacks[-1] + 1 :] if not line[0].isspace()]
    # py4j prints the call first, then the Java exception
    return next((line[2:] for line in raised if line.startswith(": ")), raised[0] if raised else "")


def report(message: str, *, debug: bool = False) -> None:
    """Print the failure as one line on stderr. `debug` adds the stack trace of the current one."""
    with suppress(OSError):  # a full disk or nobody takes the line: the exit code still tells what failed
        if debug:
            traceback.print_exc()
        print(f"lakehouse: {message}", file=sys.stderr, flush=True)
