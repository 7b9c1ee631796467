"""`lakehouse check [TABLE...]`: check tables against their suites, with the exit code that CI needs."""

import argparse

from lakehouse.errors import InputError
from lakehouse.settings import Settings
from lakehouse.spark.on_demand import on_demand
from operations.call import Call
from operations.output import print_json, print_table
from quality import check
from quality.pages import described, docs_folder, status
from quality.results import CheckRun
from quality.suites import LAYERS


def run(args: argparse.Namespace, call: Call) -> int:
    settings = call.settings
    if args.suites:
        return _write_suites(args, settings)
    with on_demand(call.spark) as session:
        if args.suite:
            table = _only_table(args)
            outcome = check.run_suite(settings, args.suite, table, session=session, version=args.version)
        else:
            outcome = check.run(settings, args.tables, session=session, version=args.version)
    page = f"{docs_folder(settings.root)}/{outcome.run_id}.html"
    if args.json:
        print_json(described(outcome) | {"page": page})
    else:
        _show(outcome, page)
    return outcome.exit_code


def _write_suites(args: argparse.Namespace, settings: Settings) -> int:
    if args.version is not None:
        raise InputError(
            f"--version {args.version} with --suites", todo="a suite is for every version: leave it out"
        )
    files = [str(file) for file in check.write_suites(settings, args.tables, args.suites)]
    if args.json:
        print_json({"suites": files})
    else:
        print("\n".join(files))
    return 0


def _only_table(args: argparse.Namespace) -> str:
    if len(args.tables) != 1 or args.tables[0] in LAYERS:
        raise InputError(f"--suite {args.suite} without one table", todo="name the table to run it on")
    return str(args.tables[0])


def _show(outcome: CheckRun, page: str) -> None:
    columns = ("table", "version", "expectations", "failed", "not checked", "status")
    rows = [
        (
            table.table_name,
            table.version,
            len(table.results),
            len(table.failed),
            len(table.errors),
            status(table),
        )
        for table in outcome.tables
    ]
    print_table(columns, rows)
    for result in outcome.errors:
        print(f"NOT CHECKED  {result.line()}")
    for result in outcome.failed:
        print(f"FAILED  {result.line()}")
    print(f"page: {page}")
