"""What all job files share: their common arguments, and the guard that turns failures into exit codes."""

import argparse
import io
import sys
from collections.abc import Callable
from typing import NoReturn, TextIO

from lakehouse.argument_types import interval
from lakehouse.errors import run_guarded
from lakehouse.history.damage_errors import damage_named


def job_parser(description: str) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--debug", action="store_true", help="show the stack trace of an error")
    return parser


def stream_parser(description: str) -> argparse.ArgumentParser:
    parser = job_parser(description)
    parser.add_argument(
        "--trigger",
        type=interval,
        metavar="INTERVAL",
        help="keep running, one micro-batch per interval: 5s, 1m (default: process what is available, then stop)",
    )
    return parser


def escape_unencodable(*streams: TextIO) -> None:
    """Let the streams write characters that their encoding lacks as escapes, instead of failing halfway.

    Only a process's own streams are changed: those in memory take every character.
    """
    for stream in streams:
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def run_job(main: Callable[[], int | None]) -> NoReturn:
    """Run a job file's `main` and end the process with its exit code."""

    def job() -> int:
        with damage_named():
            return main() or 0

    escape_unencodable(sys.stdout, sys.stderr)
    sys.exit(run_guarded(job, debug="--debug" in sys.argv))
