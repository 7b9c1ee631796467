"""The arguments of the `lakehouse` command: one function per command, in the order of its help."""

import argparse
from pathlib import Path
from typing import Any

from lakehouse import replay_request
from lakehouse.jobs import duration

_NO_GATE = "publish the newest versions without checking anything"


def add_commands(commands: Any) -> None:
    """Add every command with its arguments. The module of its name in operations/commands does the work."""
    for add in (_demo, _up, _run, _check, _quarantine, _drift, _audit, _rebuild, _status):
        add(commands)
    for add in (_recommend, _similar, _models, _export, _report, _sql, _history, _diff, _restore):
        add(commands)
    _add(commands, "config", "the settings in force", json=True)
    _add(commands, "doctor", "what is missing on this machine, and how to get it", json=True)


def _demo(commands: Any) -> None:
    demo = _add(
        commands, "demo", "run everything once: broker, producers, bronze, silver, gold, export", json=True
    )
    demo.add_argument(
        "--catalogue", type=Path, metavar="CSV", help="publish this real catalogue instead of made-up data"
    )
    demo.add_argument(
        "--ratings",
        type=Path,
        metavar="DIR",
        help="publish these real users, movies and ratings (MovieLens layout); with --catalogue or without",
    )
    demo.add_argument("--no-gate", action="store_true", help=_NO_GATE)


def _up(commands: Any) -> None:
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
    sent = up.add_mutually_exclusive_group()
    sent.add_argument("--rate", type=_rate, metavar="N", help="records per second (default: up.rate)")
    sent.add_argument("--no-producers", action="store_true", help="send nothing: take what others send")


def _run(commands: Any) -> None:
    run = _add(commands, "run", "run layers on what is there", json=False)
    run.add_argument(
        "--select",
        default="bronze+",
        metavar="LAYER[+]",
        help="bronze, silver or gold; with a plus the layers after it too (default: bronze+, all of them)",
    )
    run.add_argument("--no-gate", action="store_true", help=_NO_GATE)


def _check(commands: Any) -> None:
    check = _add(commands, "check", "whether the data of silver and gold is what it must be", json=True)
    check.add_argument(
        "tables",
        nargs="*",
        metavar="TABLE",
        help="e.g. silver.users; silver, or gold for the tables that the export is made from (default: all)",
    )
    check.add_argument("--version", type=int, metavar="N", help="of one table: check this version, not the newest")
    suites = check.add_mutually_exclusive_group()
    suites.add_argument(
        "--suite",
        type=Path,
        metavar="FILE",
        help="run this suite of Great Expectations (JSON) on one table of any layer",
    )
    suites.add_argument(
        "--suites", type=Path, metavar="DIR", help="check nothing: write the tables' suites there, as JSON"
    )


def _audit(commands: Any) -> None:
    _add(commands, "audit", "whether every record is where it belongs, from Kafka to silver", json=True)


def _rebuild(commands: Any) -> None:
    rebuild = _add(commands, "rebuild", "make a layer anew from the one before it", json=False)
    rebuild.add_argument(
        "layer",
        choices=("bronze", "silver", "gold"),
        help="silver: new tables, swapped in when complete; gold: its jobs again; bronze: go on from its tables",
    )
    rebuild.add_argument(
        "--accept-loss",
        action="store_true",
        help="bronze: go on behind records that Kafka dropped before they were read",
    )


def _status(commands: Any) -> None:
    _add(commands, "status", "what each table holds, and how far each layer is behind", json=True)


def _recommend(commands: Any) -> None:
    recommend = _add(commands, "recommend", "one user's list, and why each title is in it", json=True)
    recommend.add_argument("user_id", metavar="USER_ID", help="as in silver.users")


def _similar(commands: Any) -> None:
    similar = _add(commands, "similar", "the titles most like a title", json=True)
    similar.add_argument("content_id", metavar="CONTENT_ID", help="as in silver.content")
    similar.add_argument("--limit", type=_positive, default=10, help="titles of each kind (default 10)")


def _models(commands: Any) -> None:
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
    models.add_argument("--no-gate", action="store_true", help=_NO_GATE)


def _export(commands: Any) -> None:
    export = _add(commands, "export", "the CSV of the recommendations, and a Power BI project", json=True)
    export.add_argument(
        "--source",
        choices=("csv", "delta"),
        default="csv",
        help="what the Power BI project reads at first: the exported files (default) or the Delta tables",
    )
    export.add_argument(
        "--formulas",
        choices=("keep", "escape"),
        help="what becomes of texts that a spreadsheet would compute (default: the setting export.formulas)",
    )
    export.add_argument(
        "--replace", action="store_true", help="make the Power BI project anew, even where it was changed since"
    )
    export.add_argument("--no-gate", action="store_true", help=_NO_GATE)


def _report(commands: Any) -> None:
    report = _add(commands, "report", "the results as one HTML file, for people", json=True)
    report.add_argument("--lang", choices=("es", "en"), default="es", help="the language of the page (default es)")
    report.add_argument(
        "--output",
        metavar="FILE",
        help="where to write it, also an address such as s3a://bucket/report.html (default: "
        "<root>/exports/report.html)",
    )
    report.add_argument("--open", action="store_true", help="open it in this machine's browser")


def _sql(commands: Any) -> None:
    sql = _add(commands, "sql", "query the tables, also as they were: VERSION AS OF, TIMESTAMP AS OF", json=True)
    sql.add_argument("query", metavar="QUERY", help='e.g. "SELECT * FROM silver.users VERSION AS OF 1"')
    sql.add_argument("--limit", type=_positive, default=100, help="rows to print at most (default 100)")


def _history(commands: Any) -> None:
    history = _add(
        commands, "history", "the versions of a table: when, by what operation, how many rows", json=True
    )
    history.add_argument("table", metavar="TABLE", help="e.g. silver.users")
    history.add_argument(
        "--limit", type=_positive, default=20, help="versions to print at most, newest first (default 20)"
    )


def _diff(commands: Any) -> None:
    diff = _add(commands, "diff", "the rows that differ between two versions of a table", json=True)
    diff.add_argument("table", metavar="TABLE", help="e.g. silver.users")
    diff.add_argument("before", type=_natural, metavar="V1", help="the version to compare with, e.g. 1")
    diff.add_argument("after", type=_natural, metavar="V2", help="the version that is compared, e.g. 2")
    diff.add_argument("--limit", type=_positive, default=20, help="rows to print at most (default 20)")


def _restore(commands: Any) -> None:
    restore = _add(commands, "restore", "give a table the rows of an older version", json=False)
    restore.add_argument("table", metavar="TABLE", help="a table of silver or gold, e.g. gold.recommendations")
    restore.add_argument(
        "version", type=_natural, metavar="VERSION", help="the version, as lakehouse history tells it"
    )
    restore.add_argument("--yes", action="store_true", help="do not ask")


def _drift(commands: Any) -> None:
    _add(commands, "drift", "fields that no type has: since when, how often, with a sample", json=True)


def _quarantine(commands: Any) -> None:
    quarantine = _add(
        commands, "quarantine", "what was rejected: open rows by rule and topic; show and replay", json=True
    )
    quarantine.add_argument("--days", action="store_true", help="a line per day, not one per rule and topic")
    actions = quarantine.add_subparsers(dest="action", metavar="ACTION")
    # `quarantine --json show` must work too: the action must not reset an option given before it
    kept: Any = argparse.SUPPRESS
    show = _add(actions, "show", "open rows that break a rule, with their values", json=True, default=kept)
    show.add_argument("rule", metavar="RULE", help="e.g. clasificacion_unknown")
    show.add_argument("--limit", type=_positive, default=20, help="rows to print at most (default 20)")
    text = "judge open rows again, as they are or corrected, and merge those that pass"
    replay = _add(actions, "replay", text, json=True, default=kept)
    replay_request.add_arguments(replay)


def _add(commands: Any, name: str, text: str, *, json: bool, default: Any = False) -> argparse.ArgumentParser:
    parser: argparse.ArgumentParser = commands.add_parser(
        name, help=text, description=text[0].upper() + text[1:] + "."
    )
    parser.add_argument("--debug", action="store_true", default=default, help="show the stack trace of an error")
    if json:
        parser.add_argument("--json", action="store_true", default=default, help="print JSON, for programs")
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
