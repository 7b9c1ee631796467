"""The results of a check as files: JSON for programs, and pages that people can open offline."""

import json
from collections import Counter
from importlib.resources import files as resources
from typing import Any

from jinja2 import Environment, StrictUndefined

from lakehouse.exports import write_file
from lakehouse.folders import open_folder
from quality.loading import load_validation
from quality.results import CheckedTable, CheckRun, ordered


def docs_folder(root: str) -> str:
    return f"{root}/quality/docs"


def described(run: CheckRun) -> dict[str, Any]:
    """The run as JSON data: whether everything passed, and every result."""
    return {
        "run_id": run.run_id,
        "checked_at": run.checked_at.isoformat(),
        "ok": run.exit_code == 0,
        "exit_code": run.exit_code,
        "tables": [_table(table) for table in run.tables],
    }


def write_pages(root: str, run: CheckRun) -> dict[str, str]:
    """Write the run's JSON and page, what Great Expectations has on each table, and the index of all runs.

    Returns their paths.
    """
    folder = docs_folder(root)
    run_json, run_page = f"{folder}/{run.run_id}.json", f"{folder}/{run.run_id}.html"
    index = f"{folder}/index.html"
    for table in run.tables:
        if table.validation is not None:
            path = f"{folder}/{run.run_id}/{table.table_name}"
            title = f"{table.table_name}, version {table.version}"
            page = load_validation().data_docs(table.validation, title=title, run_id=run.run_id)
            validation: Any = table.validation
            _write(f"{path}.json", _json(validation.to_json_dict()))
            _write(f"{path}.html", page)
    _write(run_json, _json(described(run)))
    _write(run_page, _render("run.html", run=run, ordered=ordered, statuses=_statuses(run)))
    pages = [name for name in open_folder(folder).names() if name.endswith(".html") and name != "index.html"]
    _write(index, _render("index.html", run=run, pages=pages[::-1], statuses=_statuses(run)))
    return {"json": run_json, "page": run_page, "index": index}


def status(table: CheckedTable) -> str:
    return "error" if table.errors else "failed" if table.failed else "passed"


def table_lines(run: CheckRun) -> list[str]:
    """The run as lines of text: one per table, then one per expectation that did not pass."""
    lines = [
        f"{table.table_name} version {table.version}: {status(table)}, {len(table.results)} expectations"
        for table in run.tables
    ]
    wrong = [("NOT CHECKED", result) for result in run.errors] + [("FAILED", result) for result in run.failed]
    return lines + [f"{word}  {result.line()}" for word, result in wrong]


def _table(table: CheckedTable) -> dict[str, Any]:
    return {
        "table": table.table_name,
        "version": table.version,
        "status": status(table),
        "results": [result._asdict() for result in table.results],
    }


def _statuses(run: CheckRun) -> dict[str, Counter[str]]:
    """The number of expectations per table that passed, failed, and could not be judged."""
    return {
        table.table_name: Counter(
            passed=len(table.results) - len(table.failed) - len(table.errors),
            failed=len(table.failed),
            error=len(table.errors),
        )
        for table in run.tables
    }


def _render(name: str, **values: Any) -> str:
    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    text = resources("quality").joinpath("templates", name).read_text(encoding="utf-8")
    return environment.from_string(text).render(status=status, **values)


def _json(content: dict[str, Any]) -> str:
    return json.dumps(content, ensure_ascii=False, indent=2)


def _write(path: str, text: str) -> None:
    write_file(path, text.encode())
