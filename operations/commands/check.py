"""`lakehouse check [TABLE...]`: check tables against their suites, with the exit code that CI needs."""

import argparse

from operations.call import Call
from operations.output import print_json, print_table
from quality import check
from quality.pages import described, docs_folder, status
from quality.results import Run


def run(args: argparse.Namespace, call: Call) -> int:
    settings = call.settings
    with call.spark() as spark:
        outcome = check.run(spark, settings, args.tables, version=args.version)
    page = f"{docs_folder(settings.root)}/{outcome.run_id}.html"
    if args.json:
        print_json(described(outcome) | {"page": page})
    else:
        _show(outcome, page)
    return outcome.exit_code


def _show(outcome: Run, page: str) -> None:
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
