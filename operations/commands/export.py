"""`lakehouse export`: the CSV, the files of the tables and the Power BI project."""

import argparse

from gold import export_project
from gold.powerbi.lists import export_lists
from lakehouse.exports import EXPORT_LOCK, RECOMMENDATIONS_CSV, export_path
from lakehouse.history.acceptance import without_gate
from lakehouse.lakehouse import Lakehouse
from lakehouse.locks import waiting_for
from operations.call import Call
from operations.output import print_json, print_table


def run(args: argparse.Namespace, call: Call) -> int:
    settings = call.settings
    if args.formulas:
        chosen = settings.export.model_copy(update={"formulas": args.formulas})
        settings = settings.model_copy(update={"export": chosen})
    # a second export waits, and then writes its own
    with without_gate(when=args.no_gate), waiting_for(settings.shared_ops, EXPORT_LOCK):
        shown = export_lists(Lakehouse(settings.root), formulas=settings.export.formulas)
        # the same versions in both, whatever a stream or a gate does to the tables meanwhile
        export = export_project.run(settings, source=args.source, replace=args.replace, versions=shown)
    paths = {
        "csv": export_path(settings.root, RECOMMENDATIONS_CSV),
        "powerbi": export_project.project_path(settings.root),
    }
    if args.json:
        tables = [table._asdict() for table in export.tables]
        alike = [one._asdict() for one in export.alike]
        outcome = {"tables": tables, "formulas": settings.export.formulas, "kept": export.kept, "alike": alike}
        print_json({**outcome, **paths})
        return 0
    columns = ("file", "table", "version", "rows")
    print_table(
        columns, [(f"{table.name}.csv", table.table, table.version, table.rows) for table in export.tables]
    )
    for name, path in paths.items():
        print(f"{name + ':':9}{path}")
    for note in export.notes:
        print(note)
    return 0
