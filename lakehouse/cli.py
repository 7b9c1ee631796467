"""The `lakehouse` command: its arguments. Each command's work is in lakehouse/commands, imported when called."""

import argparse
import importlib
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from lakehouse.errors import run_guarded
from lakehouse.jobs import duration

_EPILOG = (
    "Settings: conf/lakehouse.toml and LAKEHOUSE_ variables. Exit codes: 0 well, 1 a check failed, 2 wrong input."
)


def build_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="lakehouse", description="A Delta Lake medallion lakehouse.", epilog=_EPILOG
    )
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")

    demo = _add(
        commands, "demo", "run everything once: broker, producers, bronze, silver, gold, export", json=True
    )
    demo.add_argument(
        "--catalogue", type=Path, metavar="CSV", help="publish this real catalogue instead of made-up titles"
    )
    demo.add_argument(
        "--ratings", type=Path, metavar="DIR", help="with --catalogue: real users and ratings (MovieLens layout)"
    )

    up = _add(commands, "up", "the live mode: broker, producers, both streams and gold, until Ctrl-C", json=False)
    up.add_argument(
        "--for", type=duration, dest="seconds", metavar="TIME", help="end by itself after that: 60s, 10m"
    )
    up.add_argument(
        "--gold-every",
        type=duration,
        metavar="TIME",
        help="from one gold run's start to the next (default: up.gold_every_seconds)",
    )
    up.add_argument("--rate", type=_rate, metavar="N", help="records per second (default: up.rate)")

    run = _add(commands, "run", "run layers on what is there", json=False)
    run.add_argument(
        "--select",
        default="bronze+",
        metavar="LAYER[+]",
        help="bronze, silver or gold; with a plus the layers after it too (default: bronze+, all of them)",
    )

    _add(commands, "status", "what each table holds, and how far each layer is behind", json=True)

    _add(commands, "audit", "whether every record is where it belongs, from Kafka to silver", json=True)

    rebuild = _add(commands, "rebuild", "make a layer anew from the one before it", json=False)
    rebuild.add_argument(
        "layer",
        choices=("bronze", "silver", "gold"),
        help="silver, gold: new tables, swapped in when complete; bronze: go on from what its tables hold",
    )
    rebuild.add_argument(
        "--accept-loss",
        action="store_true",
        help="bronze: go on behind records that Kafka dropped before they were read",
    )

    sql = _add(commands, "sql", "query the tables, also as they were: VERSION AS OF, TIMESTAMP AS OF", json=True)
    sql.add_argument("query", metavar="QUERY", help='e.g. "SELECT * FROM silver.users VERSION AS OF 1"')
    sql.add_argument("--limit", type=_positive, default=100, help="rows to print at most (default 100)")

    history = _add(
        commands, "history", "the versions of a table: when, by what operation, how many rows", json=True
    )
    history.add_argument("table", metavar="TABLE", help="e.g. silver.users")
    history.add_argument(
        "--limit", type=_positive, default=20, help="versions to print at most, newest first (default 20)"
    )

    diff = _add(commands, "diff", "the rows that differ between two versions of a table", json=True)
    diff.add_argument("table", metavar="TABLE", help="e.g. silver.users")
    diff.add_argument("before", type=_natural, metavar="V1", help="the version to compare with, e.g. 1")
    diff.add_argument("after", type=_natural, metavar="V2", help="the version that is compared, e.g. 2")
    diff.add_argument("--limit", type=_positive, default=20, help="rows to print at most (default 20)")

    restore = _add(commands, "restore", "give a table the rows of an older version", json=False)
    restore.add_argument("table", metavar="TABLE", help="a table of silver or gold, e.g. gold.recommendations")
    restore.add_argument(
        "version", type=_natural, metavar="VERSION", help="the version, as lakehouse history tells it"
    )
    restore.add_argument("--yes", action="store_true", help="do not ask")

    _add(commands, "config", "the settings in force, and where they came from", json=True)
    _add(commands, "doctor", "what is missing on this machine, and how to get it", json=True)
    return parser


def _add(commands: Any, name: str, text: str, *, json: bool) -> argparse.ArgumentParser:
    parser: argparse.ArgumentParser = commands.add_parser(
        name, help=text, description=text[0].upper() + text[1:] + "."
    )
    parser.add_argument("--debug", action="store_true", help="show the stack trace of an error")
    if json:
        parser.add_argument("--json", action="store_true", help="print JSON, for programs")
    return parser


def _rate(text: str) -> float:
    try:
        rate = float(text)
    except ValueError:
        rate = 0.0
    if not 0 < rate < float("inf"):
        raise argparse.ArgumentTypeError(f"{text!r} is no rate; write records per second, as 50 or 0.5")
    return rate


def _natural(text: str) -> int:
    if not text.isdecimal():
        raise argparse.ArgumentTypeError(f"{text!r} is no whole number from 0")
    return int(text)


def _positive(text: str) -> int:
    if not text.isdigit() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is no whole number above 0")
    return int(text)


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command and return its exit code."""
    args = build_parser().parse_args(argv)

    def command() -> int:
        module = importlib.import_module(f"lakehouse.commands.{args.command}")
        return int(module.run(args))

    return run_guarded(command, debug=args.debug)


if __name__ == "__main__":
    sys.exit(main())
