"""The arguments of the `lakehouse` command: one function per command, in the order of its help."""

import argparse
from pathlib import Path
from typing import Any

from lakehouse import replay_request
from lakehouse.argument_types import duration, natural, positive, rate

_NO_GATE = "publish the newest versions without checking them"


def add_commands(commands: Any) -> None:
    """Add every command with its arguments. The module of its name in operations/commands does the work."""
    for add in (_demo, _up, _run, _check, _quarantine, _drift, _audit, _rebuild, _maintain, _status):
        add(commands)
    for add in (
        _recommend,
        _similar,
        _models,
        _export,
        _export_user,
        _forget,
        _report,
        _sql,
        _history,
        _diff,
        _restore,
    ):
        add(commands)
    _runs(commands)
    _config(commands)
    _add(commands, "doctor", "check what this machine lacks, and say how to get it", json=True)


def _demo(commands: Any) -> None:
    demo = _add(
        commands, "demo", "run everything once: broker, producers, bronze, silver, gold, export", json=True
    )
    demo.add_argument(
        "--catalogue", type=Path, metavar="CSV", help="publish this catalogue instead of made-up data"
    )
    demo.add_argument(
        "--ratings",
        type=Path,
        metavar="DIR",
        help="publish these users, movies and ratings (MovieLens layout), with or without --catalogue",
    )
    demo.add_argument("--no-gate", action="store_true", help=_NO_GATE)


def _up(commands: Any) -> None:
    up = _add(commands, "up", "run broker, producers, both streams and gold live, until Ctrl-C", json=False)
    up.add_argument("--for", type=duration, dest="seconds", metavar="TIME", help="stop after this time: 60s, 10m")
    up.add_argument(
        "--gold-every",
        type=duration,
        metavar="TIME",
        help="time from one start of gold to the next (default: up.gold_every_seconds)",
    )
    sent = up.add_mutually_exclusive_group()
    sent.add_argument("--rate", type=rate, metavar="N", help="records per second (default: up.rate)")
    sent.add_argument("--no-producers", action="store_true", help="send nothing: process what others send")


def _run(commands: Any) -> None:
    run = _add(commands, "run", "run layers on existing data", json=False)
    run.add_argument(
        "--select",
        default="bronze+",
        metavar="LAYER[+]",
        help="bronze, silver or gold; with a plus, also the layers after it (default: bronze+, all of them)",
    )
    run.add_argument("--no-gate", action="store_true", help=_NO_GATE)


def _check(commands: Any) -> None:
    check = _add(commands, "check", "check the data of silver and gold against its expectations", json=True)
    check.add_argument(
        "tables",
        nargs="*",
        metavar="TABLE",
        help="e.g. silver.users; silver; or gold, the tables that are exported (default: all)",
    )
    check.add_argument(
        "--version", type=natural, metavar="N", help="with one table: check this version, not the newest"
    )
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
    _add(commands, "audit", "check that every Kafka record is accounted for, up to silver", json=True)


def _rebuild(commands: Any) -> None:
    rebuild = _add(commands, "rebuild", "rebuild a layer from the one before it", json=False)
    rebuild.add_argument(
        "layer",
        choices=("bronze", "silver", "gold"),
        help="silver: build new tables, then swap them in; gold: run all its jobs; "
        "bronze: make the streams resume after the rows of its tables",
    )
    rebuild.add_argument(
        "--accept-loss",
        action="store_true",
        help="bronze: skip records that Kafka dropped before they were read; silver: build it without the records "
        "that bronze.keep_days has removed from bronze",
    )


def _maintain(commands: Any) -> None:
    text = "join small files, and delete old versions that no stream, model or export needs"
    maintain = _add(commands, "maintain", text, json=True)
    maintain.add_argument("tables", nargs="*", metavar="TABLE", help="e.g. bronze.events (default: all)")
    maintain.add_argument(
        "--dry-run", action="store_true", help="show what would be freed, and what is kept and why"
    )


def _status(commands: Any) -> None:
    _add(commands, "status", "show what each table holds, and how far each layer is behind", json=True)


def _recommend(commands: Any) -> None:
    recommend = _add(commands, "recommend", "show one user's list, and why each title is in it", json=True)
    recommend.add_argument("user_id", metavar="USER_ID", help="e.g. u000001, an id of silver.users")


def _similar(commands: Any) -> None:
    similar = _add(commands, "similar", "show the titles most similar to a title", json=True)
    similar.add_argument("content_id", metavar="CONTENT_ID", help="e.g. m000001, an id of silver.content")
    similar.add_argument(
        "--limit", type=positive, default=10, help="maximum number of titles in each list (default 10)"
    )


def _models(commands: Any) -> None:
    models = _add(commands, "models", "list the trained models, which one is published, and why", json=True)
    models.add_argument(
        "action",
        nargs="?",
        choices=("list", "rollback"),
        default="list",
        help="list them (the default), or publish an older one again and build the lists and the export from it",
    )
    models.add_argument(
        "model_version",
        nargs="?",
        metavar="MODEL_VERSION",
        help="rollback: the model to publish (default: the one published before the current one)",
    )
    models.add_argument("--no-gate", action="store_true", help=_NO_GATE)


def _export(commands: Any) -> None:
    export = _add(commands, "export", "write the recommendations as CSV, and a Power BI project", json=True)
    export.add_argument(
        "--source",
        choices=("csv", "delta"),
        default="csv",
        help="what the new Power BI project reads: the exported files (default) or the Delta tables",
    )
    export.add_argument(
        "--formulas",
        choices=("keep", "escape"),
        help="how to write texts that a spreadsheet would evaluate (default: the setting export.formulas)",
    )
    export.add_argument(
        "--replace", action="store_true", help="recreate the Power BI project, even if it was edited since"
    )
    export.add_argument("--no-gate", action="store_true", help=_NO_GATE)


def _export_user(commands: Any) -> None:
    text = "write everything that is held about a person, by table, as JSON"
    export = _add(commands, "export-user", text, json=False)
    export.add_argument("user_id", metavar="USER_ID", help="as in silver.users")
    export.add_argument("--output", metavar="FILE", help="the file to write (default: print it)")


def _forget(commands: Any) -> None:
    text = "remove people from everything that is stored, and keep their late events out"
    forget = _add(commands, "forget", text, json=True)
    forget.add_argument(
        "user_ids",
        nargs="*",
        metavar="USER_ID",
        help="as in silver.users (default: those forgotten earlier, of whom something has arrived late)",
    )
    forget.add_argument("--file", type=Path, metavar="FILE", help="a file with more of them, one a line")
    forget.add_argument("--yes", action="store_true", help="do not ask for confirmation")


def _report(commands: Any) -> None:
    report = _add(commands, "report", "write the results as one HTML file", json=True)
    report.add_argument("--lang", choices=("es", "en"), default="es", help="the language of the page (default es)")
    report.add_argument(
        "--output",
        metavar="FILE",
        help="where to write it: a file, or an address such as s3a://bucket/report.html (default: "
        "<root>/exports/report.html)",
    )
    report.add_argument("--open", action="store_true", help="open it in the browser")


def _sql(commands: Any) -> None:
    text = "query the tables, also older versions: VERSION AS OF, TIMESTAMP AS OF; without a query, a shell"
    sql = _add(commands, "sql", text, json=False)
    sql.add_argument(
        "query",
        nargs="?",
        metavar="QUERY",
        help='e.g. "SELECT * FROM silver.users VERSION AS OF 1" (default: a shell, or the statements on stdin)',
    )
    sql.add_argument("--limit", type=positive, default=100, help="maximum number of rows to print (default 100)")
    form = sql.add_mutually_exclusive_group()
    form.add_argument("--json", action="store_const", dest="form", const="json", help="print JSON, for programs")
    form.add_argument("--csv", action="store_const", dest="form", const="csv", help="print CSV, for programs")
    sql.set_defaults(form="table")


def _history(commands: Any) -> None:
    history = _add(
        commands, "history", "list the versions of a table: when, by which operation, how many rows", json=True
    )
    history.add_argument("table", metavar="TABLE", help="e.g. silver.users")
    history.add_argument(
        "--limit", type=positive, default=20, help="maximum number of versions to print, newest first (default 20)"
    )


def _diff(commands: Any) -> None:
    diff = _add(commands, "diff", "show the rows that differ between two versions of a table", json=True)
    diff.add_argument("table", metavar="TABLE", help="e.g. silver.users")
    diff.add_argument("before", type=natural, metavar="V1", help="the version to compare with, e.g. 1")
    diff.add_argument("after", type=natural, metavar="V2", help="the version to look at, e.g. 2")
    diff.add_argument("--limit", type=positive, default=20, help="maximum number of rows to print (default 20)")


def _restore(commands: Any) -> None:
    restore = _add(commands, "restore", "restore a table to an older version", json=False)
    restore.add_argument("table", metavar="TABLE", help="a table of silver or gold, e.g. gold.recommendations")
    restore.add_argument("version", type=natural, metavar="VERSION", help="a version that lakehouse history lists")
    restore.add_argument("--yes", action="store_true", help="do not ask for confirmation")


def _runs(commands: Any) -> None:
    runs = _add(
        commands,
        "runs",
        "list the runs of jobs and of commands that write: when, how long, with which result",
        json=True,
    )
    runs.add_argument(
        "--limit", type=positive, default=20, help="maximum number of runs to print, newest first (default 20)"
    )


def _config(commands: Any) -> None:
    config = _add(commands, "config", "show the settings in force", json=True)
    config.add_argument(
        "--files", action="store_true", help="show the settings files and the folder of the jobs, for spark-submit"
    )


def _drift(commands: Any) -> None:
    _add(
        commands,
        "drift",
        "list fields that no event type defines: since when, how often, with a sample",
        json=True,
    )


def _quarantine(commands: Any) -> None:
    quarantine = _add(
        commands, "quarantine", "count rejected records by rule and topic; show them, replay them", json=True
    )
    quarantine.add_argument(
        "--days", action="store_true", help="one line per day instead of one per rule and topic"
    )
    actions = quarantine.add_subparsers(dest="action", metavar="ACTION")
    # `quarantine --json show` must work too: the action must not reset an option given before it
    kept: Any = argparse.SUPPRESS
    show = _add(actions, "show", "show open rows that break a rule, with their values", json=True, default=kept)
    show.add_argument("rule", metavar="RULE", help="e.g. clasificacion_unknown")
    show.add_argument("--limit", type=positive, default=20, help="maximum number of rows to print (default 20)")
    text = "validate open rows again, unchanged or corrected, and merge those that pass"
    replay = _add(actions, "replay", text, json=True, default=kept)
    replay_request.add_arguments(replay)


def _add(commands: Any, name: str, text: str, *, json: bool, default: Any = False) -> argparse.ArgumentParser:
    parser: argparse.ArgumentParser = commands.add_parser(
        name, help=text, description=text[0].upper() + text[1:] + "."
    )
    parser.add_argument("--debug", action="store_true", default=default, help="show the stack trace of an error")
    if json:
        parser.add_argument("--json", action="store_true", default=default, help="print JSON")
    return parser
