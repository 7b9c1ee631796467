"""Projects to test, and what their files say: parsed from the files, not taken from the code that wrote them."""

import json
import re
from collections.abc import Iterator
from typing import Any, NamedTuple

from gold.powerbi.project.files import project_files
from gold.powerbi.project.tables import Exported, exported_tables
from lakehouse.tables import CATALOGUE, QUALITY_RESULTS, Table

WITHOUT_CHECKS = tuple(table for table in CATALOGUE if table is not QUALITY_RESULTS)

ROOT = r"C:\data\"lake\#(lf)"


class Project(NamedTuple):
    tables: tuple[Exported, ...]
    files: dict[str, bytes]

    def text(self, path: str) -> str:
        return self.files[path].decode("utf-8").replace("\r\n", "\n")

    @property
    def definitions(self) -> dict[str, str]:
        """The TMDL files of the tables, by table name."""
        folder = "Lakehouse.SemanticModel/definition/tables/"
        return {
            path.removeprefix(folder).removesuffix(".tmdl"): self.text(path)
            for path in self.files
            if path.startswith(folder)
        }

    @property
    def columns(self) -> dict[str, list[str]]:
        return {name: re.findall(r"^\tcolumn (.+)$", text, re.M) for name, text in self.definitions.items()}

    @property
    def measures(self) -> dict[str, dict[str, str]]:
        return {
            name: dict(re.findall(r"^\tmeasure '(.+)' = (.+)$", text, re.M))
            for name, text in self.definitions.items()
        }

    @property
    def documents(self) -> dict[str, Any]:
        """The JSON files, by path."""
        return {path: json.loads(content) for path, content in self.files.items() if not path.endswith(".tmdl")}


def project(catalogue: tuple[Table, ...] = CATALOGUE, root: str = ROOT, source: str = "csv") -> Project:
    tables = exported_tables(catalogue)
    return Project(tables, project_files(tables, root, source=source))


def fields_used(document: Any) -> Iterator[tuple[str, str, str]]:
    """Every (Column or Measure, table, name) in a report's JSON, at any depth."""
    if isinstance(document, dict):
        for kind in ("Column", "Measure"):
            if kind in document:
                yield (kind, document[kind]["Expression"]["SourceRef"]["Entity"], document[kind]["Property"])
        for value in document.values():
            yield from fields_used(value)
    elif isinstance(document, list):
        for value in document:
            yield from fields_used(value)
