"""`lakehouse sql` on the demo's tables: what it shows, what it refuses, and that it is read-only."""

import io
import json
import re
from contextlib import nullcontext
from pathlib import Path

import pytest
from pyspark.sql import SparkSession

from lakehouse.errors import InputError
from lakehouse.settings import load_settings
from lakehouse.spark.lakehouse import SparkLakehouse
from lakehouse.tables import GOLD_MODELS, SILVER_TOMBSTONES
from operations.call import Call
from operations.shell.queries import queries
from tests.support.demo import Demo
from tests.support.outcome import Command

BY_PATH = r"TABLE_OR_VIEW_NOT_FOUND|UNSUPPORTED_DATASOURCE_FOR_DIRECT_QUERY"
NO_FUNCTION = r"UNRESOLVED_ROUTINE|UNRESOLVABLE_TABLE_VALUED_FUNCTION"


@pytest.mark.parametrize(
    ("query", "reason"),
    [
        ("SELECT * FROM delta.`{}/bronze/events`", BY_PATH),
        ("SELECT * FROM parquet.`{}/bronze/events`", BY_PATH),
        ("SELECT * FROM text.`/etc/hostname`", BY_PATH),
        ("SELECT 1) UNION ALL (SELECT * FROM text.`/etc/hostname`", BY_PATH),
        ("SELECT * FROM table_changes_by_path('{}/silver/users', 0)", NO_FUNCTION),
        ("SELECT reflect('java.lang.System', 'getenv', 'HOME')", NO_FUNCTION),
        ("SELECT `java_method`('java.lang.System', 'getenv', 'HOME')", NO_FUNCTION),
        ("SELECT try_reflect('java.lang.System', 'getenv', 'HOME')", NO_FUNCTION),
        ("DESCRIBE HISTORY '{}/silver/users'", "a path in place of a table"),
        ("DESCRIBE DETAIL delta.`{}/silver/users`", "a path in place of a table"),
    ],
)
def test_sql_reaches_nothing_but_the_tables(demo: Demo, command: Command, query: str, reason: str) -> None:
    """Not even the lakehouse's own files: if one path could be read, any could."""
    outcome = command("sql", query.format(demo.root), settings=demo.settings)
    assert (outcome.code, outcome.out) == (2, "")
    assert re.search(reason, outcome.err), outcome.err
    assert outcome.err.count("\n") == 1


def test_sql_puts_no_variable_of_the_environment_into_a_query(demo: Demo, command: Command) -> None:
    """It contains passwords of Kafka and of stores."""
    outcome = command("sql", "SELECT '${env:PATH} ${system:user.name}' AS text", "--json", settings=demo.settings)
    assert json.loads(outcome.out) == [{"text": "${env:PATH} ${system:user.name}"}]


def test_sql_prints_a_table_up_to_its_limit(demo: Demo, command: Command) -> None:
    outcome = command("sql", "SELECT id FROM silver.users ORDER BY id", "--limit", "2", settings=demo.settings)
    assert outcome.code == 0
    assert outcome.out.splitlines()[-1] == "the first 2 rows; --limit shows more"
    assert outcome.out.count("u0") == 2


def test_sql_reads_statements_from_a_pipe(demo: Demo, command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    """Until one fails: what comes before it is printed, nothing after it is run."""
    text = (
        "-- users\nSELECT count(*) > 0 AS n\nFROM silver.users; SELECT ';' AS n;\nSELECT 1/0 AS n;\nSELECT 4 AS n;"
    )
    monkeypatch.setattr("sys.stdin", io.StringIO(text))
    outcome = command("sql", "--csv", settings=demo.settings)
    assert (outcome.code, outcome.out) == (2, "n\ntrue\nn\n;\n")
    assert outcome.err.startswith("lakehouse: line 4: [DIVIDE_BY_ZERO")
    assert outcome.err.count("\n") == 1


def test_json_has_structures_in_two_columns_of_one_name_too(demo: Demo, command: Command) -> None:
    query = "SELECT named_struct('a', array(named_struct('b', 1))) AS s, 2 AS s"
    assert json.loads(command("sql", query, "--json", settings=demo.settings).out) == [{"s": 2}]
    out = command("sql", query, settings=demo.settings).out
    assert '{"a": [{"b": 1}]}' in out


def test_a_table_that_is_made_meanwhile_is_known(spark: SparkSession, tmp_path: Path) -> None:
    settings = load_settings().model_copy(update={"root": str(tmp_path)})
    call = Call("sql", settings, lambda *_, **__: nullcontext(spark))
    lake = SparkLakehouse(settings.root, spark)
    with queries(call) as engine:
        with pytest.raises(InputError, match="tables here: none yet"):
            engine.run("SELECT * FROM silver.tombstones", limit=1)
        lake.ensure(SILVER_TOMBSTONES)
        assert engine.run("SELECT count(*) AS n FROM silver.tombstones", limit=1).rows == [[0]]
        lake.ensure(GOLD_MODELS)
        assert engine.run("DESCRIBE gold.models", limit=100).rows[0][:2] == ["model_version", "string"]


@pytest.mark.parametrize(
    ("arguments", "problem", "todo"),
    [
        (("history", "silver.user"), "no table 'silver.user' in this lakehouse", "did you mean silver.users?"),
        (("sql", "SELECT * FROM silver.user"), "silver`.`user`", "tables here: bronze.events"),
        (("sql", "SELECT nombre FROM silver.users"), "nombre", "tables here: bronze.events"),
        (("sql", "SELECT 1 +"), "PARSE_SYNTAX_ERROR", "tables here: bronze.events"),
        (("sql", "SELECT * FROM silver.users VERSION AS OF 999"), "999", "tables here: bronze.events"),
    ],
    ids=["history of no table", "sql on no table", "no such column", "no SQL", "no such version"],
)
def test_what_is_not_there_is_one_line(
    demo: Demo, command: Command, arguments: tuple[str, ...], problem: str, todo: str
) -> None:
    outcome = command(*arguments, settings=demo.settings)
    assert (outcome.code, outcome.out) == (2, "")
    assert outcome.err.startswith("lakehouse: ")
    assert outcome.err.count("\n") == 1
    assert problem in outcome.err
    assert todo in outcome.err


@pytest.mark.parametrize(
    "statement",
    [
        "DELETE FROM silver.tombstones",
        "INSERT INTO silver.tombstones SELECT 'x', now(), now(), 't', 0, 0L",
        "DROP TABLE silver.tombstones",
        "-- a comment\nDELETE FROM silver.tombstones",
        # these start like a query
        "WITH one AS (SELECT 'x') INSERT INTO silver.tombstones SELECT *, now(), now(), 't', 0, 0L FROM one",
        "FROM (SELECT 'x') INSERT INTO silver.tombstones SELECT *, now(), now(), 't', 0, 0L",
    ],
    ids=["delete", "insert", "drop", "comment", "with", "from"],
)
def test_sql_only_reads(spark: SparkSession, tmp_path: Path, command: Command, statement: str) -> None:
    root = str(tmp_path)
    lake = SparkLakehouse(root, spark)
    lake.ensure(SILVER_TOMBSTONES)
    outcome = command("sql", statement, settings=load_settings(), root=root)
    assert lake.version(SILVER_TOMBSTONES) == 0
    assert outcome.code == 2
    assert outcome.err.startswith("lakehouse: ")
    assert outcome.err.count("\n") == 1
