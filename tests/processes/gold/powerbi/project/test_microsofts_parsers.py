"""The model and its queries, parsed by Microsoft's own code; `make test-tools` fetches it into build/powerbi."""

import base64
import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest

from gold.powerbi.project.queries import shared_queries, table_query
from tests.support.folders import PROJECT
from tests.support.powerbi_projects import ROOT, Project, project

HERE = Path(__file__).resolve().parent
TOOLS = PROJECT / "build" / "powerbi"
DLLS, NODE = TOOLS / "python" / "pbi_cli" / "dlls", TOOLS / "node_modules"
TYPES = {
    "text": "String",
    "texts": "String",
    "whole": "Int64",
    "number": "Double",
    "truth": "Boolean",
    "date": "DateTime",
    "moment": "DateTime",
}


@pytest.fixture(scope="module")
def read_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The program that reads a model's folder, compiled."""
    missing = [name for name in ("mono", "mcs") if shutil.which(name) is None]
    if missing or not DLLS.is_dir():
        pytest.skip(f"needs mono, mcs and {DLLS} (make test-tools); missing: {missing or 'the DLLs'}")
    program = tmp_path_factory.mktemp("mono") / "ReadModel.exe"
    names = ("Microsoft.AnalysisServices.Tabular", "Microsoft.AnalysisServices.Core", "Microsoft.AnalysisServices")
    references = [f"-r:{DLLS / name}.dll" for name in names]
    subprocess.run(["mcs", *references, f"-out:{program}", str(HERE / "ReadModel.cs")], check=True)
    return program


def read(program: Path, built: Project, folder: Path) -> subprocess.CompletedProcess[str]:
    for path, content in built.files.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(content)
    return subprocess.run(
        ["mono", str(program), str(folder / "Lakehouse.SemanticModel" / "definition")],
        env={**os.environ, "MONO_PATH": str(DLLS)},
        capture_output=True,
        text=True,
        check=False,
    )


def decoded(text: str) -> list[str]:
    return base64.b64decode(text).decode().split()


def test_tmdl_serializer_reads_what_the_contracts_say(read_model: Path, tmp_path: Path) -> None:
    built = project()
    done = read(read_model, built, tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    lines = [tuple(line.split("\t")) for line in done.stdout.splitlines()]
    assert [line[1:] for line in lines if line[0] == "column"] == [
        (table.name, name, kind)
        for table in built.tables
        for name, kind in (
            *[(column.name, TYPES[column.kind]) for column in table.columns],
            *[(key.name, "String") for key in table.keys],
        )
    ]
    assert [line[1:] for line in lines if line[0] == "hidden"] == [
        ("popularity", "content_key"),
        ("recommendations", "user_key"),
        ("recommendations", "content_key"),
    ]
    formulas = {(line[1], line[2]): base64.b64decode(line[3]).decode() for line in lines if line[0] == "measure"}
    assert formulas == {(table, name): text for table, own in built.measures.items() for name, text in own.items()}
    assert len([line for line in lines if line[0] == "relation"]) == 3
    queries = {line[1]: decoded(line[2]) for line in lines if line[0] in ("query", "rows")}
    written = {query.name: query.expression for query in shared_queries(ROOT, source="csv")}
    written |= {table.name: table_query(table, ROOT) for table in built.tables}
    assert queries == {name: text.split() for name, text in written.items()}


def test_tmdl_serializer_refuses_a_model_that_is_none(read_model: Path, tmp_path: Path) -> None:
    built = project()
    path = "Lakehouse.SemanticModel/definition/tables/users.tmdl"
    broken = built._replace(
        files={**built.files, path: built.files[path].replace(b"dataType: string", b"dataType")}
    )
    done = read(read_model, broken, tmp_path)
    assert done.returncode == 1
    assert "users" in done.stderr


@pytest.fixture(scope="module")
def node() -> str:
    found = shutil.which("node")
    if found is None or not (NODE / "@microsoft" / "powerquery-parser").is_dir():
        pytest.skip(f"needs node and {NODE}/@microsoft/powerquery-parser (make test-tools)")
    return found


def wrong(node: str, queries: dict[str, str]) -> dict[str, str]:
    done = subprocess.run(
        [node, str(HERE / "parse_queries.js")],
        input=json.dumps(queries),
        env={**os.environ, "NODE_PATH": str(NODE)},
        capture_output=True,
        text=True,
        check=True,
    )
    found: dict[str, str] = json.loads(done.stdout)
    return found


def test_the_query_parser_reads_every_query_and_refuses_a_broken_one(node: str) -> None:
    queries = {"broken": "let a = in a"}
    for root in (ROOT, "/data/lake", "abfss://c@a.dfs.core.windows.net/lake"):
        built = project(root=root)
        queries |= {f"{root} {query.name}": query.expression for query in shared_queries(root, source="delta")}
        queries |= {f"{root} {table.name}": table_query(table, root) for table in built.tables}
    assert len(queries) == 1 + 3 * (5 + 8)
    assert wrong(node, queries).keys() == {"broken"}
