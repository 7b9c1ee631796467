"""What all job files share: their common arguments, and the guard that turns failures into exit codes."""

import argparse
import io
import os
import shlex
import sys
from collections.abc import Callable
from pathlib import Path
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


def open_closed_streams() -> None:
    """Let closed standard streams (`>&-`) take nothing: otherwise Python has none, and printing fails."""
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            setattr(sys, name, os.fdopen(os.open(os.devnull, os.O_RDWR), mode, encoding="utf-8"))


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

    open_closed_streams()
    escape_unencodable(sys.stdout, sys.stderr)
    sys.exit(run_guarded(lambda: _recorded(job), debug="--debug" in sys.argv))


def _recorded(job: Callable[[], int]) -> int:
    """The job's exit code. A job that writes tables leaves a row in ops.runs."""
    from lakehouse.root_version import require_known_version
    from lakehouse.settings import load_settings

    settings = load_settings()
    require_known_version(settings.root)
    if "pyspark" not in sys.modules:  # a producer
        return job()
    from lakehouse.runs.recording import recorded
    from lakehouse.runs.run import Work
    from lakehouse.tables import written_by

    script = Path(sys.argv[0])
    module = f"{script.parent.name}.{script.stem}"
    tables = written_by(module)
    if not tables:
        return job()
    # a replay's arguments may name a person, and the table keeps its rows
    arguments = [] if module == "silver.replay" else sys.argv[1:]
    what = Work(module, shlex.join([f"{script.parent.name}/{script.name}", *arguments]), tables)
    return recorded(job, what, root=settings.root, openlineage=settings.openlineage)
