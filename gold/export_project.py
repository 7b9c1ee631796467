"""Job: the tables that people look at -> one CSV file each, and a Power BI project that reads them."""

import json
from typing import Any, NamedTuple

from pyspark.sql import SparkSession

from gold.project.files import NAME, project_files
from gold.project.queries import TABLES_FOLDER
from gold.project.rows import flatten
from gold.project.tables import Exported, exported_tables
from lakehouse import storage
from lakehouse.exports import Formulas, export_path, write_csv, write_file
from lakehouse.jobs import job_parser, run_job
from lakehouse.session import spark_session
from lakehouse.settings import Settings, load_settings

SOURCES = ("csv", "delta")


class Written(NamedTuple):
    """One exported table. `version` is null, and `rows` 0, where the table does not exist yet."""

    name: str
    table: str
    version: int | None
    rows: int
    path: str


def run(spark: SparkSession, settings: Settings, *, source: str = "csv") -> list[Written]:
    """Replace the files of the tables and of the project; `source` is what the project reads at first."""
    root, tables = settings.root, exported_tables()
    written = [write_table(spark, root, table, formulas=settings.export.formulas) for table in tables]
    versions = {table.table: table.version for table in written}
    write_file(spark, f"{root}/{TABLES_FOLDER}/versions.json", json.dumps(versions, indent=2).encode())
    for path, content in project_files(tables, root, source=source).items():
        write_file(spark, project_path(root, path), content)
    return written


def write_table(spark: SparkSession, root: str, table: Exported, *, formulas: Formulas) -> Written:
    """One file with the newest version of the table; only its header where there is no such table yet."""
    path, count = f"{root}/{TABLES_FOLDER}/{table.name}.csv", 0
    version = None
    rows: Any = iter(())
    if storage.exists(spark, root, table.source):
        version = storage.latest_version(spark, root, table.source)
        rows = flatten(storage.read(spark, root, table.source, version=version), table).toLocalIterator()

    def counted() -> Any:
        nonlocal count
        for count, row in enumerate(rows, start=1):  # noqa: B007 - the count is what the caller reads
            yield tuple(row)

    write_csv(spark, path, table.names, counted(), decimals=None, formulas=formulas)
    return Written(table.name, table.source.sql_name, version, count, path)


def project_path(root: str, name: str = f"{NAME}.pbip") -> str:
    return export_path(root, f"powerbi/{name}")


def main(argv: list[str] | None = None) -> None:
    parser = job_parser("Export the tables that people look at, and a Power BI project that reads them.")
    parser.add_argument("--source", choices=SOURCES, default="csv", help="what the project reads at first")
    args = parser.parse_args(argv)
    settings = load_settings()
    with spark_session("gold.export_project") as spark:
        run(spark, settings, source=args.source)


if __name__ == "__main__":
    run_job(main)
