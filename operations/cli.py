"""The `lakehouse` command. Each command's work is in operations/commands, imported when it is called."""

import argparse
import atexit
import importlib
import os
import sys
from collections.abc import Sequence
from contextlib import redirect_stderr, redirect_stdout
from typing import TYPE_CHECKING, NoReturn, TextIO

from lakehouse.errors import MachineError, run_guarded
from lakehouse.history.damage_errors import damage_named
from lakehouse.jobs import escape_unencodable, open_closed_streams
from operations.arguments import add_commands

if TYPE_CHECKING:  # --help needs neither
    from types import ModuleType

    from lakehouse.settings import Settings
    from operations.call import SessionFactory

_EPILOG = (
    "Settings: conf/lakehouse.toml and LAKEHOUSE_ variables. Exit codes: 0 success, 1 failed check, 2 wrong input."
)

# They help with a root that the others refuse.
_WITHOUT_TABLES = ("config", "doctor")


def build_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="lakehouse", description="A Delta Lake medallion lakehouse.", epilog=_EPILOG
    )
    add_commands(parser.add_subparsers(dest="command", required=True, metavar="COMMAND"))
    return parser


def run() -> NoReturn:
    """Run the command of this process, and end the process with its exit code.

    When a process ends, C++ takes down the threads of Arrow and delta-rs, and may abort the process after all its
    work (apache/arrow#34314, delta-io/delta-rs#2184). So it ends as soon as Python is done.
    """
    code = 1  # of an exception that nothing catches

    def end() -> None:
        try:
            sys.stdout.flush()
            sys.stderr.flush()
        except OSError:  # Python reports it, and ends as it always does
            return
        os._exit(code)

    atexit.register(end)  # what is registered first is called last
    try:
        code = main()
    except SystemExit as ended:
        code = ended.code if isinstance(ended.code, int) else int(bool(ended.code))
    sys.exit(code)


def main(
    argv: Sequence[str] | None = None,
    *,
    settings: "Settings | None" = None,
    session: "SessionFactory | None" = None,
    stdout: TextIO | None = None,
    stderr: TextIO | None = None,
) -> int:
    """Run the command and return its exit code. Raises SystemExit for wrong arguments, and for --help.

    The defaults are those of a command in a shell: the settings of conf/ and of the environment, a Spark session
    of its own, and this process's output.
    """
    open_closed_streams()
    escape_unencodable(*[own for own, given in ((sys.stdout, stdout), (sys.stderr, stderr)) if given is None])
    with redirect_stdout(stdout or sys.stdout), redirect_stderr(stderr or sys.stderr):
        given = sys.argv[1:] if argv is None else argv
        args = _parsed(given)
        return run_guarded(lambda: _run(args, given, settings, session), debug=args.debug)


def _parsed(argv: Sequence[str]) -> argparse.Namespace:
    parser = build_parser()
    for argument in argv:
        try:
            argument.encode()
        except UnicodeEncodeError:
            parser.exit(2, f"lakehouse: the argument {argument!r} is not UTF-8; write it in UTF-8\n")
    return parser.parse_args(argv)


def _run(
    args: argparse.Namespace,
    argv: Sequence[str],
    settings: "Settings | None",
    session: "SessionFactory | None",
) -> int:
    from lakehouse.root_version import require_known_version
    from lakehouse.settings import load_settings
    from operations.call import Call, own_session
    from operations.recording import record_command

    call = Call(args.command, settings or load_settings(), session or own_session)
    if args.command not in _WITHOUT_TABLES:
        require_known_version(call.settings.root)
    module = _module(args.command)

    def work() -> int:
        with damage_named(call.settings.root, repairing=args.layer if args.command == "rebuild" else ""):
            return int(module.run(args, call))

    return record_command(work, args, argv, call.settings)


def _module(command: str) -> "ModuleType":
    try:
        return importlib.import_module(f"operations.commands.{command.replace('-', '_')}")
    except ImportError as error:
        from lakehouse.spark.environment import PATH, environment_faults

        for fault in environment_faults(PATH):  # PYTHONPATH may bring another pyspark
            raise MachineError(fault.problem, todo=fault.todo) from error
        raise


if __name__ == "__main__":
    run()
