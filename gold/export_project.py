"""Job: the tables that people view -> one CSV file each, and a Power BI project that reads them."""

import json
import logging
from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from gold.powerbi.project.comparison import Alike, alike_note, find_alike
from gold.powerbi.project.files import NAME, project_files
from gold.powerbi.project.folder import write_project
from gold.powerbi.project.queries import TABLES_FOLDER
from gold.powerbi.project.rows import flat_rows
from gold.powerbi.project.tables import Exported, exported_tables
from lakehouse.exports import Formulas, export_path, write_csv, write_file
from lakehouse.history.acceptance import exported_version
from lakehouse.jobs import job_parser, run_job
from lakehouse.lakehouse import Lakehouse
from lakehouse.settings import Settings, load_settings
from lakehouse.tables import SILVER_CONTENT, SILVER_USERS, Table
from lakehouse.text import escaped

SOURCES = ("csv", "delta")


class ExportedFile(NamedTuple):
    """One exported table as a file. `version` is null and `rows` 0 if the table does not exist yet."""

    name: str
    table: str
    version: int | None
    rows: int
    path: str


class ExportedProject(NamedTuple):
    """What was written. `kept` lists the project files that somebody changed: the project was then left alone.

    `alike` lists the tables with ids that differ only in case.
    """

    tables: list[ExportedFile]
    kept: list[str]
    alike: list[Alike]

    @property
    def notes(self) -> list[str]:
        """Notes for the user, one line each."""
        notes = [alike_note(self.alike, has_keys=not self.kept)] if self.alike else []
        return [*notes, kept_note(self.kept)] if self.kept else notes


def run(
    settings: Settings,
    *,
    source: str = "csv",
    replace: bool = False,
    versions: Mapping[str, int] | None = None,
) -> ExportedProject:
    """Replace the files of the tables, and the project unless somebody has changed it (`replace`: even then).

    `source` is where the project reads from at first. `versions` maps SQL names to the versions to export; of
    other tables the last version that passed its checks is exported, or the newest if the table has no checks.
    """
    lakehouse, tables = Lakehouse(settings.root), exported_tables()
    chosen = {table.source.sql_name: _version(lakehouse, table.source) for table in tables} | dict(versions or {})
    written = [
        write_table(lakehouse, table, version=chosen[table.source.sql_name], formulas=settings.export.formulas)
        for table in tables
    ]
    listed = json.dumps({table.table: table.version for table in written}, indent=2)
    write_file(f"{settings.root}/{TABLES_FOLDER}/versions.json", listed.encode())
    kept = write_project(settings.root, project_files(tables, settings.root, source=source), replace=replace)
    return ExportedProject(written, kept, _alike(lakehouse, chosen))


def _alike(lakehouse: Lakehouse, versions: Mapping[str, int | None]) -> list[Alike]:
    tables = [
        find_alike(lakehouse.read(table, version=version, columns=["id"])["id"].to_pylist(), table=table.sql_name)
        for table in (SILVER_USERS, SILVER_CONTENT)
        if (version := versions[table.sql_name]) is not None
    ]
    return [one for one in tables if one.total]


def _version(lakehouse: Lakehouse, table: Table) -> int | None:
    return exported_version(lakehouse.root, table) if lakehouse.exists(table) else None


def write_table(lakehouse: Lakehouse, table: Exported, *, version: int | None, formulas: Formulas) -> ExportedFile:
    """One file with that version of the table; only its header if there is no table, so no version."""
    path = f"{lakehouse.root}/{TABLES_FOLDER}/{table.name}.csv"
    count = 0

    def lines() -> Iterator[tuple[object, ...]]:
        nonlocal count
        if version is not None:
            for row in flat_rows(lakehouse, table, version=version):
                count += 1
                yield row

    write_csv(path, table.names, lines(), decimals=None, formulas=formulas)
    return ExportedFile(table.name, table.source.sql_name, version, count, path)


def kept_note(kept: Sequence[str]) -> str:
    """The note for a user whose changed project was left alone."""
    named = ", ".join(map(escaped, kept[:3])) + (", ..." if len(kept) > 3 else "")
    return f"the Power BI project was changed and stays as it is ({named}); --replace overwrites it"


def project_path(root: str, name: str = f"{NAME}.pbip") -> str:
    return export_path(root, f"powerbi/{name}")


def main(argv: list[str] | None = None) -> None:
    parser = job_parser("Export the tables that people look at, and a Power BI project that reads them.")
    parser.add_argument("--source", choices=SOURCES, default="csv", help="what the project reads at first")
    parser.add_argument(
        "--replace", action="store_true", help="overwrite the project even if it was changed in Power BI"
    )
    args = parser.parse_args(argv)
    for note in run(load_settings(), source=args.source, replace=args.replace).notes:
        logging.getLogger(__name__).warning(note)


if __name__ == "__main__":
    run_job(main)
