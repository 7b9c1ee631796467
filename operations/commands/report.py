"""`lakehouse report`: the results as one HTML file that people open, keep and send."""

import argparse
import webbrowser
from datetime import UTC, datetime
from pathlib import Path

from lakehouse.errors import InputError
from lakehouse.exports import REPORT_HTML, export_path, requested_file, write_file
from lakehouse.lakehouse import Lakehouse
from lakehouse.paths import is_address
from lakehouse.spark.progress import PROGRESS
from operations.call import Call
from operations.output import print_json
from operations.report.collection import collect_report
from operations.report.page import render


def run(args: argparse.Namespace, call: Call) -> int:
    settings = call.settings
    path = _destination(args.output, settings.root, opened=args.open)
    report = collect_report(
        Lakehouse(settings.root),
        settings.ops_dir / PROGRESS,
        users=settings.report.users,
        samples_per_rule=settings.report.samples_per_rule,
        made_at=datetime.now(UTC),
    )
    page = render(report, language=args.lang).encode()
    write_file(path, page)
    lists = report.recommendations
    if args.json:
        versions = {table.name: table.version for table in report.tables}
        users = {"users": lists.users if lists else 0, "users_shown": len(lists.lists) if lists else 0}
        print_json({"report": path, "language": args.lang, "bytes": len(page), **users, "versions": versions})
    else:
        print(f"report: {path} ({len(page) / 1e6:.1f} MB)")
    if args.open and not webbrowser.open(Path(path).as_uri()):
        raise InputError("no browser was found on this machine", todo=f"open {path} by hand")
    return 0


def _destination(output: str | None, root: str, *, opened: bool) -> str:
    """Where to write the page."""
    path = requested_file(export_path(root, REPORT_HTML) if output is None else output)
    if is_address(path) and opened:
        raise InputError(f"a browser cannot open {path}", todo="give a local file with --output")
    return path
