"""What a person reads when something is wrong: what was got, what was expected, what to do next."""

import sys
import traceback
from collections.abc import Callable


class LakehouseError(Exception):
    """A wrong input or a missing part of the environment. Exit code 2."""

    exit_code = 2

    def __init__(self, problem: str, *, todo: str = "") -> None:
        super().__init__(f"{problem}; {todo}" if todo else problem)
        self.problem = problem
        self.todo = todo


class SettingsError(LakehouseError):
    """A setting is unknown, missing or of the wrong kind."""


class BrokerError(LakehouseError):
    """No Kafka broker answers, or the embedded one cannot be started."""


class TableError(LakehouseError):
    """A table is missing, unknown, or not what its contract says."""


class InputError(LakehouseError):
    """A file, path or argument given by a person is not what was expected."""


class MachineError(LakehouseError):
    """Java, a jar, or a permission of this machine is missing."""


class CheckNotRunError(LakehouseError):
    """A check could not be made, so nobody knows whether its data is good."""


class CheckFailedError(LakehouseError):
    """Everything ran, and what was checked is not as it should be. Exit code 1."""

    exit_code = 1


def run_guarded(main: Callable[[], int], *, debug: bool = False) -> int:
    """Run `main`; a failure becomes one line on stderr and an exit code, `debug` adds the stack trace."""
    try:
        return main()
    except KeyboardInterrupt:
        print("stopped", file=sys.stderr)
        return 130
    except BrokenPipeError:
        return 1
    except LakehouseError as error:
        _report(str(error), debug=debug)
        return error.exit_code
    except PermissionError as error:
        _report(
            f"no permission for {error.filename}; make it writable or set LAKEHOUSE_ROOT to another folder",
            debug=debug,
        )
        return 2
    except OSError as error:
        _report(f"{error.strerror or error}: {error.filename or ''}".rstrip(": "), debug=debug)
        return 2
    except Exception as error:  # noqa: BLE001 - the last resort of a command: every other failure has its own branch
        _report(f"{first_line(error)} (an unforeseen {type(error).__name__}; --debug shows where)", debug=debug)
        return 2


def first_line(error: BaseException) -> str:
    """The first meaningful line of an error's text: Spark's and py4j's run over many."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    if not lines:
        return type(error).__name__
    if lines[0].startswith("An error occurred while calling") and len(lines) > 1:
        return lines[1].removeprefix(": ")
    return lines[0]


def _report(message: str, *, debug: bool) -> None:
    if debug:
        traceback.print_exc()
    print(f"lakehouse: {message}", file=sys.stderr)
