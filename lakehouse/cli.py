"""The `lakehouse` command: its arguments. Each command's work is in lakehouse/commands, imported when called."""

import argparse
import importlib
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from lakehouse.errors import run_guarded

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

    run = _add(commands, "run", "run layers on what is there", json=False)
    run.add_argument(
        "--select",
        default="bronze+",
        metavar="LAYER[+]",
        help="bronze, silver or gold; with a plus the layers after it too (default: bronze+, all of them)",
    )

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

    recommend = _add(commands, "recommend", "one user's list, and why each title is in it", json=True)
    recommend.add_argument("user_id", metavar="USER_ID", help="as in silver.users")

    similar = _add(commands, "similar", "the titles most like a title", json=True)
    similar.add_argument("content_id", metavar="CONTENT_ID", help="as in silver.content")
    similar.add_argument("--limit", type=_positive, default=10, help="titles of each kind (default 10)")

    models = _add(commands, "models", "the trained models, which one is published, and why", json=True)
    models.add_argument(
        "action",
        nargs="?",
        choices=("list", "rollback"),
        default="list",
        help="list them (the default), or publish an older one again and make the lists and the export from it",
    )
    models.add_argument(
        "model_version",
        nargs="?",
        metavar="MODEL_VERSION",
        help="rollback: to this model; without it, to the one published before the current one",
    )

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
