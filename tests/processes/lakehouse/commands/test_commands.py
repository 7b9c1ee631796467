"""The `lakehouse` command as a person runs it: demo, run, sql, history, and their complaints."""

import csv
import json
import os
import re
import secrets
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import nullcontext
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from chispa import assert_df_equality
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from lakehouse import cli, storage
from lakehouse.exports import RECOMMENDATIONS_CSV, export_path
from lakehouse.kafka_client import Cluster
from lakehouse.settings import Settings, load_settings
from lakehouse.tables import (
    GOLD_POWERBI,
    GOLD_RECOMMENDATIONS,
    GOLD_TRIALS,
    SILVER_TOMBSTONES,
    SILVER_USERS,
    Table,
    layer_tables,
)
from tests.support.folders import PROJECT
from tests.support.outcome import Command, Outcome
from tests.support.processes import TIMEOUT
from tests.support.quick_models import QUICK_MODELS, with_quick_models

LAKEHOUSE = Path(sys.executable).parent / "lakehouse"
SMALL = {
    "LAKEHOUSE_DEMO__USERS": "40",
    "LAKEHOUSE_DEMO__TITLES": "60",
    "LAKEHOUSE_DEMO__FEEDBACK": "300",
    "LAKEHOUSE_DEMO__DIRTY": "0.1",
    "LAKEHOUSE_KAFKA__PARTITIONS": "1",
    **QUICK_MODELS,
}
KINDS = ("USERS", "MOVIES", "SERIES", "FEEDBACK")
# no search for parameters is run here
DERIVED = tuple(table for table in (*layer_tables("silver"), *layer_tables("gold")) if table != GOLD_TRIALS)
# When a row was written, by which stream, and from which commits: what a rebuild may change.
PROVENANCE = (
    *("quarantined_at", "finished_at", "query_id", "bronze_versions", "silver_versions", "input_versions"),
    *("trained_at", "published_at"),
    # of gold.models: rows cannot be sorted by maps; gold.model_metrics has the same figures
    *("parameters", "metrics"),
)


class Demo(NamedTuple):
    """A lakehouse that the demo has made, and the environment that makes it again."""

    root: str
    variables: dict[str, str]
    first: Outcome


def clean_environment() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if not name.startswith(("LAKEHOUSE_", "SPARK_"))}


def lakehouse(*arguments: str, variables: dict[str, str]) -> Outcome:
    done = subprocess.run(
        [str(LAKEHOUSE), *arguments], env=variables, capture_output=True, text=True, timeout=TIMEOUT, check=False
    )
    return Outcome(done.returncode, done.stdout, done.stderr)


@pytest.fixture(scope="module")
def demo(broker: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Demo:
    root, suffix = str(tmp_path_factory.mktemp("demo") / "lakehouse"), secrets.token_hex(4)
    topics = {f"LAKEHOUSE_KAFKA__{kind}_TOPIC": f"{kind}-{suffix}" for kind in KINDS}
    kafka = {"LAKEHOUSE_KAFKA__BOOTSTRAP_SERVERS": broker.bootstrap, **topics}
    variables = {**clean_environment(), **SMALL, **kafka, "LAKEHOUSE_ROOT": root}
    outcome = lakehouse("demo", "--json", variables=variables)
    assert outcome.code == 0, outcome.err
    return Demo(root, variables, outcome)


@pytest.fixture
def command(spark: SparkSession, command: Command) -> Iterator[Command]:
    base = load_settings()

    def call(*arguments: str, root: str, **quality: object) -> Outcome:
        given = base.model_copy(update={"quality": base.quality.model_copy(update=quality)})
        return command(*arguments, settings=with_root(given, root))

    yield call
    for layer in ("bronze", "silver", "gold"):  # the session's catalogue outlives the test; the data stays
        spark.sql(f"DROP SCHEMA IF EXISTS {layer} CASCADE")


def with_root(settings: Settings, root: str) -> Settings:
    return with_quick_models(settings).model_copy(update={"root": root})


def rows(spark: SparkSession, root: str, table: Table) -> DataFrame:
    return storage.read(spark, root, table).drop(*PROVENANCE)


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
    """Even the lakehouse's own files: what can be read by path at all, can be read anywhere."""
    outcome = command("sql", query.format(demo.root), root=demo.root)
    assert (outcome.code, outcome.out) == (2, "")
    assert re.search(reason, outcome.err), outcome.err
    assert outcome.err.count("\n") == 1


# --- without Spark ---------------------------------------------------------------------------------------


def test_help_lists_the_commands() -> None:
    outcome = lakehouse("--help", variables=clean_environment())
    assert (outcome.code, outcome.err) == (0, "")
    for name in ("demo", "up", "run", "status", "sql", "history", "diff", "restore", "config", "doctor"):
        assert f"\n    {name} " in outcome.out


def test_arguments_are_read_without_spark() -> None:
    """So that --help answers at once: importing pyspark alone takes most of a second."""
    code = (
        "import sys, lakehouse.cli; lakehouse.cli.build_parser(); "
        "print('pyspark' in sys.modules, 'pandas' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "False False\n"


@pytest.mark.parametrize("kafka", ["", "the broker"])
def test_a_root_that_cannot_be_written_is_one_line(broker: Cluster, tmp_path: Path, kafka: str) -> None:
    """Below a regular file: the root user may write everywhere else."""
    (tmp_path / "file").write_text("no folder")
    variables = {
        **clean_environment(),
        **SMALL,
        "LAKEHOUSE_ROOT": str(tmp_path / "file" / "lakehouse"),
        "LAKEHOUSE_KAFKA__EMBEDDED_PORT": "0",
        "LAKEHOUSE_KAFKA__BOOTSTRAP_SERVERS": broker.bootstrap if kafka else "",
        **{f"LAKEHOUSE_KAFKA__{kind}_TOPIC": f"unwritable-{kind}" for kind in KINDS},
    }
    outcome = lakehouse("demo", variables=variables)
    assert outcome.code == 2
    assert outcome.err.startswith("lakehouse: ")
    assert str(tmp_path / "file") in outcome.err
    assert outcome.err.count("\n") == 1


# --- on the demo's lakehouse -----------------------------------------------------------------------------


def test_the_demo_tells_what_it_made(spark: SparkSession, demo: Demo) -> None:
    found = json.loads(demo.first.out)
    assert set(found) == {"tables", "checks", "rejected", "model", "streams", "seconds", "paths"}
    tables = {name: facts["rows"] for name, facts in found["tables"].items()}
    assert tables["bronze.events"] + tables["bronze.feedback"] >= 400
    assert tables["silver.quarantine"] > 0
    assert set(found["checks"].values()) == {"passed"}
    assert {"silver.users", "gold.recommendations"} <= set(found["checks"])
    assert tables["gold.recommendations"] == tables["gold.powerbi_recommendations"] > 0
    assert found["streams"]["bronze.events"]["kafka_lag"] == 0
    for table in DERIVED:
        assert tables[table.sql_name] == storage.read(spark, demo.root, table).count()
    sums = storage.read(spark, demo.root, layer_tables("silver")[-1]).agg(
        F.sum("rows_in"), F.sum(F.expr("applied + superseded + deleted + quarantined"))
    )
    landed = tables["bronze.events"] + tables["bronze.feedback"]
    assert sums.collect() == [(landed, landed)]


def test_the_csv_is_the_export_that_excel_reads(spark: SparkSession, demo: Demo) -> None:
    raw = Path(export_path(demo.root, RECOMMENDATIONS_CSV)).read_bytes()
    assert raw.startswith(b"\xef\xbb\xbf")
    header, *lines = csv.reader(raw.decode("utf-8-sig").splitlines())
    assert header == ["userId", "recommended_content", "titulo", "predicted_rating"]
    published = storage.read(spark, demo.root, GOLD_RECOMMENDATIONS).select("user_id", "content_id").collect()
    assert sorted((line[0], line[1]) for line in lines) == sorted(tuple(row) for row in published)
    assert len(lines) == storage.read(spark, demo.root, GOLD_POWERBI).count()


@pytest.fixture
def demo_variables(demo: Demo, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The demo's environment in this process."""
    for name in [name for name in demo.variables if name.startswith("LAKEHOUSE_")]:
        monkeypatch.setenv(name, demo.variables[name])
    load_settings.cache_clear()
    yield
    load_settings.cache_clear()


@pytest.mark.usefixtures("demo_variables")
def test_the_demo_twice_sends_nothing_again_and_changes_no_row(
    spark: SparkSession, demo: Demo, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The second time in this process, on the shared session."""
    before = str(shutil.copytree(demo.root, tmp_path / "before"))
    code = cli.main(["demo", "--json"], session=lambda *_, **__: nullcontext(spark))
    outcome = Outcome(code, *capsys.readouterr())
    assert outcome.code == 0, outcome.err
    assert "already published: these topics hold the same records, nothing was sent again" in outcome.err
    first, second = json.loads(demo.first.out)["tables"], json.loads(outcome.out)["tables"]
    for table in (*layer_tables("bronze"), *layer_tables("silver")):
        assert second[table.sql_name] == first[table.sql_name]  # not even a new version
    for table in DERIVED:
        assert_df_equality(
            rows(spark, demo.root, table), rows(spark, before, table), ignore_row_order=True, ignore_nullable=True
        )


def test_silver_and_gold_are_rebuilt_from_bronze_to_equal_tables(
    spark: SparkSession, demo: Demo, tmp_path: Path, command: Command
) -> None:
    root = tmp_path / "rebuilt"
    shutil.copytree(Path(demo.root) / "bronze", root / "bronze")
    outcome = command("run", "--select", "silver+", root=str(root))
    assert outcome.code == 0, outcome.err
    told = [line for line in outcome.out.splitlines() if " s  " in line]
    assert [line.partition(" s  ")[2] for line in told] == [
        "silver: validate, split, merge",
        "gate: check silver",
        "gold: affinity ratings",
        "gold: popularity",
        "gold: recommendations",
        "gate: check gold",
        "gold: Power BI export",
    ]
    for table in DERIVED:
        assert_df_equality(
            rows(spark, str(root), table),
            rows(spark, demo.root, table),
            ignore_row_order=True,
            ignore_nullable=True,
        )


def test_a_rollback_goes_through_the_gate(demo: Demo, command: Command, tmp_path: Path) -> None:
    root = str(shutil.copytree(demo.root, tmp_path / "lakehouse"))
    (model,) = json.loads(command("models", "--json", root=root).out)
    again = command("models", "rollback", model["model_version"], root=root)
    assert again.code == 0, again.err
    assert again.out.startswith(f"{model['model_version']} is published, and the export is made from its lists")
    # the same with a list that is not allowed: it is not exported
    csv = Path(export_path(root, RECOMMENDATIONS_CSV))
    before = csv.read_bytes()
    refused = command("models", "rollback", model["model_version"], root=root, min_rows_ratio=2.0)
    assert refused.code == 1
    assert re.search(r"gold.recommendations version \d+ stays published", refused.err)
    assert csv.read_bytes() == before


def test_a_layer_that_is_none_is_named(demo: Demo, command: Command) -> None:
    outcome = command("run", "--select", "sliver+", root=demo.root)
    assert outcome == (
        2,
        "",
        "lakehouse: no layer 'sliver'; select one of bronze, silver, gold, with + for those after it too\n",
    )


def test_history_and_time_travel_agree(demo: Demo, command: Command) -> None:
    versions: list[dict[str, Any]] = json.loads(command("history", "silver.users", "--json", root=demo.root).out)
    assert [version["version"] for version in versions] == list(range(len(versions)))[::-1]
    assert versions[-1]["operation"] == "CREATE TABLE"
    first = versions[-2]
    assert first["operation"] == "WRITE"  # no id was there yet: nothing to merge with
    assert first["rows written"] > 0
    query = "SELECT count(*) AS users FROM silver.users {} AS OF {}"

    def counted(kind: str, moment: str) -> object:
        outcome = command("sql", query.format(kind, moment), "--json", root=demo.root)
        assert outcome.code == 0, outcome.err
        return json.loads(outcome.out)

    assert counted("VERSION", "0") == [{"users": 0}]
    assert counted("VERSION", "1") == [{"users": first["rows written"]}]
    # the times that history tells are those that TIMESTAMP AS OF takes
    assert counted("TIMESTAMP", f"'{versions[-1]['time']}'") == [{"users": 0}]
    assert counted("TIMESTAMP", f"'{first['time']}'") == [{"users": first["rows written"]}]


def test_history_shows_at_most_the_limit(demo: Demo, command: Command) -> None:
    found = json.loads(command("history", "SILVER.users", "--limit", "1", "--json", root=demo.root).out)
    assert len(found) == 1


def test_a_real_process_tells_times_in_utc_and_has_the_jvm_options_of_the_settings(
    demo: Demo, tmp_path: Path
) -> None:
    """Wherever it runs. Its JVM notes the collector, which is not the commands' own, in the file it is told."""
    conf, noted = tmp_path / "conf", tmp_path / "gc.log"
    shutil.copytree(PROJECT / "conf", conf)
    with (conf / "spark-defaults.conf").open("a", encoding="utf-8") as settings:
        settings.write(f"spark.driver.extraJavaOptions -XX:+UseParallelGC -Xlog:gc:file={noted}\n")
    query = (
        "SELECT TIMESTAMP '2025-05-13 12:00:00' AS noon, DATE '2024-02-29' AS day, count(*) AS users "
        "FROM silver.users"
    )
    elsewhere = {"TZ": "America/Mexico_City", "LAKEHOUSE_CONF": str(conf)}
    outcome = lakehouse("sql", query, "--json", variables=demo.variables | elsewhere)
    assert outcome.code == 0, outcome.err
    users = json.loads(demo.first.out)["tables"][SILVER_USERS.sql_name]["rows"]
    assert json.loads(outcome.out) == [{"noon": "2025-05-13 12:00:00Z", "day": "2024-02-29", "users": users}]
    assert outcome.err == ""
    assert "Using Parallel" in noted.read_text(encoding="utf-8")


def test_sql_prints_a_table_up_to_its_limit(demo: Demo, command: Command) -> None:
    outcome = command("sql", "SELECT id FROM silver.users ORDER BY id", "--limit", "2", root=demo.root)
    assert outcome.code == 0
    assert outcome.out.splitlines()[-1] == "the first 2 rows; --limit shows more"
    assert outcome.out.count("u0") == 2


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
    outcome = command(*arguments, root=demo.root)
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
        # these begin like a query
        "WITH one AS (SELECT 'x') INSERT INTO silver.tombstones SELECT *, now(), now(), 't', 0, 0L FROM one",
        "FROM (SELECT 'x') INSERT INTO silver.tombstones SELECT *, now(), now(), 't', 0, 0L",
    ],
    ids=["delete", "insert", "drop", "comment", "with", "from"],
)
def test_sql_only_reads(spark: SparkSession, tmp_path: Path, command: Command, statement: str) -> None:
    root = str(tmp_path)
    storage.ensure(spark, root, SILVER_TOMBSTONES)
    outcome = command("sql", statement, root=root)
    assert storage.latest_version(spark, root, SILVER_TOMBSTONES) == 0
    assert outcome.code == 2
    assert outcome.err.startswith("lakehouse: ")
    assert outcome.err.count("\n") == 1
