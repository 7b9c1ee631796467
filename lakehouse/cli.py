"""The `lakehouse` command. Each command's work is in lakehouse/commands, imported when it is called."""

import argparse
import importlib
import sys
from collections.abc import Sequence

from lakehouse.arguments import add_commands
from lakehouse.errors import run_guarded

_EPILOG = (
    "Settings: conf/lakehouse.toml and LAKEHOUSE_ variables. Exit codes: 0 well, 1 a check failed, 2 wrong input."
)


def build_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="lakehouse", description="A Delta Lake medallion lakehouse.", epilog=_EPILOG
    )
    add_commands(parser.add_subparsers(dest="command", required=True, metavar="COMMAND"))
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command and return its exit code."""
    args = build_parser().parse_args(argv)

    def command() -> int:
        module = importlib.import_module(f"lakehouse.commands.{args.command}")
        return int(module.run(args))

    return run_guarded(command, debug=args.debug)


if __name__ == "__main__":
    sys.exit(main())
