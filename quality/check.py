"""Job: check tables at a version against their suites; write quality.results, JSON and pages."""

import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from lakehouse import sent
from lakehouse.argument_types import natural
from lakehouse.jobs import job_parser, run_job
from lakehouse.lakehouse import Lakehouse
from lakehouse.settings import Settings, load_settings
from lakehouse.spark.on_demand import Session, on_demand
from lakehouse.spark.session import spark_session
from lakehouse.tables import find_table
from quality.checking import check, check_rows, chosen_tables, new_run, rows_of
from quality.loading import load_validation
from quality.pages import table_lines, write_pages
from quality.results import CheckRun
from quality.subject import Subject
from quality.suites import require_one_table, selected_tables


def run(settings: Settings, tables: Sequence[str], *, session: Session, version: int | None = None) -> CheckRun:
    """Check, record and write the pages; the returned run has the outcome."""
    require_one_table(tables, version=version)
    outcome = check(settings, chosen_tables(settings.root, tables), session=session, version=version)
    write_pages(settings.root, outcome)
    return outcome


def run_suite(
    settings: Settings, file: Path, name: str, *, session: Session, version: int | None = None
) -> CheckRun:
    """Run the suite in a file on any table. The run accepts nothing, so quality.results does not get it."""
    lake, table, moment = Lakehouse(settings.root), find_table(name), datetime.now(UTC)
    suite = load_validation().read_suite(file)
    if version is not None:
        lake.require_versions(table, version)
    subject = Subject(
        root=settings.root,
        table=table,
        limits=settings.quality,
        clasificaciones=settings.silver.clasificaciones,
        version=lake.version(table) if version is None else version,
        sent=sent.read(settings.shared_ops),
    )
    with rows_of(lake, table, subject.version, session, max_pandas_rows=settings.quality.max_pandas_rows) as rows:
        outcome = new_run(moment, [check_rows(subject, rows, suite)])
    write_pages(settings.root, outcome)
    return outcome


def write_suites(settings: Settings, names: Sequence[str], folder: Path) -> list[Path]:
    """Write the suites of these tables, or of all, with the thresholds of the settings; no table is read."""
    subjects = [
        Subject(settings.root, table, settings.quality, settings.silver.clasificaciones)
        for table in selected_tables(names)
    ]
    written: list[Path] = load_validation().write_suites(folder, subjects)
    return written


def main(argv: Sequence[str] | None = None) -> int:
    parser = job_parser(__doc__ or "")
    parser.add_argument(
        "tables",
        nargs="*",
        metavar="TABLE",
        help="e.g. silver.users; silver; or gold, the tables that are exported (default: all)",
    )
    parser.add_argument(
        "--version", type=natural, metavar="N", help="with one table: check this version, not the newest"
    )
    args = parser.parse_args(argv)
    settings = load_settings()
    with on_demand(lambda: spark_session("quality.check")) as session:
        outcome = run(settings, args.tables, session=session, version=args.version)
    sys.stdout.write("\n".join(table_lines(outcome)) + "\n")
    return outcome.exit_code


if __name__ == "__main__":
    run_job(main)
