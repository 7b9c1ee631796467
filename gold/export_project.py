"""Job: the tables that people view -> one CSV file each, and a Power BI project that reads them."""

import json
import logging
from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from pyspark.sql import SparkSession

from gold.powerbi.project.comparison import Alike, alike_note, find_alike
from gold.powerbi.project.files import NAME, project_files
from gold.powerbi.project.folder import write_project
from gold.powerbi.project.queries import TABLES_FOLDER
from gold.powerbi.project.rows import flatten
from gold.powerbi.project.tables import Exported, exported_tables
from lakehouse.exports import Formulas, export_path, write_csv, write_file
from lakehouse.history.acceptance import exported_version
from lakehouse.jobs import job_parser, run_job
from lakehouse.settings import Settings, load_settings
from lakehouse.spark.lakehouse import SparkLakehouse
from lakehouse.spark.session import spark_session
from lakehouse.tables import SILVER_CONTENT, SILVER_USERS, Table
from lakehouse.text import escaped

SOURCES = ("csv", "delta")


class Written(NamedTuple):
    """One exported table. `version` is null and `rows` 0 if the table does not exist yet."""

    name: str
    table: str
    version: int | None
    rows: int
    path: str


class Export(NamedTuple):
    """What was written. `kept` lists the project files that somebody changed: the project was then left alone.

    `alike` lists the tables with ids that differ only in case.
    """

    tables: list[Written]
    kept: list[str]
    alike: list[Alike]

    @property
    def notes(self) -> list[str]:
        """Notes for the user, one line each."""
        notes = [alike_note(self.alike, has_keys=not self.kept)] if self.alike else []
        return [*notes, kept_note(self.kept)] if self.kept else notes


def run(
    spark: SparkSession,
    settings: Settings,
    *,
    source: str = "csv",
    replace: bool = False,
    versions: Mapping[str, int] | None = None,
) -> Export:
    """Replace the files of the tables, and the project unless somebody has changed it (`replace`: even then).

    `source` is where the project reads from at first. `versions` maps SQL names to the versions to export; of
    other tables the last version that passed its checks is exported, or the newest if the table has no checks.
    """
    lake, formulas, tables = SparkLakehouse(settings.root, spark), settings.export.formulas, exported_tables()
    chosen = {table.source.sql_name: _version(lake, table.source) for table in tables} | dict(versions or {})
    written = [
        write_table(lake, table, version=chosen[table.source.sql_name], formulas=formulas) for table in tables
    ]
    told = json.dumps({table.table: table.version for table in written}, indent=2)
    write_file(spark, f"{lake.root}/{TABLES_FOLDER}/versions.json", told.encode())
    kept = write_project(lake, project_files(tables, lake.root, source=source), replace=replace)
    return Export(written, kept, _alike(lake, chosen))


def _alike(lake: SparkLakehouse, versions: Mapping[str, int | None]) -> list[Alike]:
    found = [
        find_alike(lake.read(table, version=version), table=table.sql_name)
        for table in (SILVER_USERS, SILVER_CONTENT)
        if (version := versions[table.sql_name]) is not None
    ]
    return [one for one in found if one.total]


def _version(lake: SparkLakehouse, table: Table) -> int | None:
    return exported_version(lake.spark, lake.root, table) if lake.exists(table) else None


def write_table(lake: SparkLakehouse, table: Exported, *, version: int | None, formulas: Formulas) -> Written:
    """One file with that version of the table; only its header if there is no table, so no version."""
    path, source = f"{lake.root}/{TABLES_FOLDER}/{table.name}.csv", table.source
    count = 0

    def lines() -> Iterator[tuple[object, ...]]:
        nonlocal count
        if version is not None:
            rows = flatten(lake.read(source, version=version), table)
            for row in rows.toLocalIterator():
                count += 1
                yield tuple(row)

    write_csv(lake.spark, path, table.names, lines(), decimals=None, formulas=formulas)
    return Written(table.name, source.sql_name, version, count, path)


def kept_note(kept: Sequence[str]) -> str:
    """The note for a user whose changed project was left alone."""
    named = ", ".join(map(escaped, kept[:3])) + (", ..." if len(kept) > 3 else "")
    return f"the Power BI project was changed and stays as it is ({named}); --replace makes it anew"


def project_path(root: str, name: str = f"{NAME}.pbip") -> str:
    return export_path(root, f"powerbi/{name}")


def main(argv: list[str] | None = None) -> None:
    parser = job_parser("Export the tables that people look at, and a Power BI project that reads them.")
    parser.add_argument("--source", choices=SOURCES, default="csv", help="what the project reads at first")
    parser.add_argument("--replace", action="store_true", help="even a project that was changed in Power BI")
    args = parser.parse_args(argv)
    settings = load_settings()
    with spark_session("gold.export_project") as spark:
        notes = run(spark, settings, source=args.source, replace=args.replace).notes
    for note in notes:
        logging.getLogger(__name__).warning(note)


if __name__ == "__main__":
    run_job(main)
