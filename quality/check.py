"""Job: check tables at a version against their suites; write quality.results, JSON and pages."""

import sys
from collections.abc import Sequence

from pyspark.sql import SparkSession

from lakehouse.argument_types import natural
from lakehouse.jobs import job_parser, run_job
from lakehouse.settings import Settings, load_settings
from lakehouse.spark.session import spark_session
from quality.checking import check, chosen_tables
from quality.pages import table_lines, write_pages
from quality.results import Run
from quality.suites import require_one_table


def run(spark: SparkSession, settings: Settings, tables: Sequence[str], *, version: int | None = None) -> Run:
    """Check, record and write the pages; the returned run has the outcome."""
    require_one_table(tables, version=version)
    outcome = check(spark, settings, chosen_tables(spark, settings.root, tables), version=version)
    write_pages(settings.root, outcome)
    return outcome


def main(argv: Sequence[str] | None = None) -> int:
    parser = job_parser(__doc__ or "")
    parser.add_argument(
        "tables",
        nargs="*",
        metavar="TABLE",
        help="e.g. silver.users; silver, or gold for the tables that the export is made from; without: all",
    )
    parser.add_argument(
        "--version", type=natural, metavar="N", help="of one table: check this version, not the newest"
    )
    args = parser.parse_args(argv)
    settings = load_settings()
    with spark_session("quality.check") as spark:
        outcome = run(spark, settings, args.tables, version=args.version)
    sys.stdout.write("\n".join(table_lines(outcome)) + "\n")
    return outcome.exit_code


if __name__ == "__main__":
    run_job(main)
