"""`lakehouse diff` and `lakehouse restore` on real tables, and what a restore means for the streams."""

import io
import json
import shutil
import time
from datetime import datetime
from functools import partial
from pathlib import Path

import pytest
from pyspark.sql import SparkSession

from bronze.ingest import ingest
from lakehouse.errors import TableError
from lakehouse.kafka.client import configured_cluster
from lakehouse.kafka.topics import ensure_topics
from lakehouse.lakehouse import Lakehouse
from lakehouse.locks import only_run
from lakehouse.settings import Settings, load_settings
from lakehouse.spark.checkpoints import CheckpointError
from lakehouse.spark.lakehouse import SparkLakehouse
from lakehouse.tables import GOLD_METRICS, GOLD_POWERBI, SILVER_USERS, find_table
from operations.commands.diff import difference
from operations.output import cell
from producers.sending.delivery import publish
from producers.sending.records import Record, encode
from silver.refine import refine
from tests.support.frames import assert_df_equality
from tests.support.outcome import Command
from tests.support.records import USER

EXPORT = "userId string, recommended_content string, titulo string, predicted_rating double"
FIRST = [("u1", "m1", "Uno", 4.0), ("u2", "m1", "Uno", 3.0), ("u3", "m1", "Uno", 2.0)]
# u1 stays, u2 gets another title and rating, u3 is removed, u4 is added
SECOND = [("u1", "m1", "Uno", 4.0), ("u2", "m1", "Une", 3.5), ("u4", "m2", "[Dos]", 1.0)]


@pytest.fixture(scope="module")
def made(spark: SparkSession, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A gold table: version 0 is empty, then FIRST, then SECOND."""
    root = tmp_path_factory.mktemp("powerbi") / "lakehouse"
    for rows in (FIRST, SECOND):
        SparkLakehouse(str(root), spark).overwrite(spark.createDataFrame(rows, EXPORT), GOLD_POWERBI)
    return root


@pytest.fixture
def root(made: Path, tmp_path: Path) -> str:
    """A copy of it for one test."""
    return str(shutil.copytree(made, tmp_path / "lakehouse"))


@pytest.fixture
def command(command: Command, monkeypatch: pytest.MonkeyPatch) -> Command:
    """The command without a terminal."""
    monkeypatch.setattr("sys.stdin", io.StringIO())
    return partial(command, settings=load_settings())


def test_diff_counts_and_shows_rows(root: str, command: Command) -> None:
    code, out, err = command("diff", "gold.powerbi_recommendations", "1", "2", "--json", root=root)
    assert (code, err) == (0, "")
    assert json.loads(out) == {
        "table": "gold.powerbi_recommendations",
        "versions": [1, 2],
        "added": 1,
        "changed": 1,
        "removed": 1,
        "columns": {"titulo": 1, "predicted_rating": 1},
        "not_compared": [],
        "rows": [
            {
                "change": "added",
                "key": {"userId": "u4", "recommended_content": "m2"},
                "row": {"userId": "u4", "recommended_content": "m2", "titulo": "[Dos]", "predicted_rating": 1.0},
            },
            {
                "change": "changed",
                "key": {"userId": "u2", "recommended_content": "m1"},
                "columns": {
                    "titulo": {"before": "Uno", "after": "Une"},
                    "predicted_rating": {"before": 3.0, "after": 3.5},
                },
            },
            {
                "change": "removed",
                "key": {"userId": "u3", "recommended_content": "m1"},
                "row": {"userId": "u3", "recommended_content": "m1", "titulo": "Uno", "predicted_rating": 2.0},
            },
        ],
    }


def test_diff_for_people_keeps_to_its_limit_and_reads_nothing_as_markup(root: str, command: Command) -> None:
    code, out, _ = command("diff", "gold.powerbi_recommendations", "1", "2", "--limit", "1", root=root)
    assert code == 0
    assert "[Dos]" in out
    assert out.splitlines()[-1] == "the first 1 of 3 rows; --limit shows more"
    whole = command("diff", "gold.powerbi_recommendations", "1", "2", root=root)
    assert "predicted_rating: 3.0 -> 3.5" in whole.out


def test_times_are_shown_in_utc_wherever_the_machine_is(monkeypatch: pytest.MonkeyPatch) -> None:
    """pyspark returns naive times in the machine's own zone."""
    monkeypatch.setenv("TZ", "America/Mexico_City")
    time.tzset()
    try:
        assert cell(datetime(2025, 5, 13, 6, 0)) == "2025-05-13 12:00:00Z"
    finally:
        monkeypatch.undo()
        time.tzset()


def test_diff_backwards_and_of_a_version_with_itself(root: str) -> None:
    assert difference(Lakehouse(root), GOLD_POWERBI, 2, 0, limit=5)[:3] == (0, 0, 3)
    assert difference(Lakehouse(root), GOLD_POWERBI, 2, 2, limit=5)[:3] == (0, 0, 0)


def test_diff_of_a_table_with_maps(spark: SparkSession, tmp_path: Path) -> None:
    """input_versions is a map: Spark itself cannot compare maps."""
    for versions in ({"a": 1, "b": 2}, {"b": 2, "a": 1}, {"a": 1, "b": 3}):
        rows = spark.createDataFrame([("als-1", "blend", "rmse", 0.5, None, versions)], GOLD_METRICS.schema)
        SparkLakehouse(str(tmp_path), spark).overwrite(rows, GOLD_METRICS)
    assert difference(Lakehouse(tmp_path), GOLD_METRICS, 1, 2, limit=5)[:4] == (0, 0, 0, {})
    assert difference(Lakehouse(tmp_path), GOLD_METRICS, 1, 3, limit=5)[:4] == (0, 1, 0, {"input_versions": 1})


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (
            ("diff", "gold.powerbi_recommendations", "1", "7"),
            "gold.powerbi_recommendations has no version 7; it has 0 to 2: lakehouse history "
            "gold.powerbi_recommendations",
        ),
        (("diff", "gold.powerbi", "1", "2"), "no table 'gold.powerbi' in this lakehouse; did you mean"),
        (
            ("restore", "gold.powerbi_recommendations", "9", "--yes"),
            "gold.powerbi_recommendations has no version 9; it has 0 to 2: ",
        ),
        (
            ("restore", "gold.powerbi_recommendations", "2", "--yes"),
            "gold.powerbi_recommendations is already at version 2",
        ),
        (("restore", "gold.recommendations", "1", "--yes"), "table gold.recommendations does not exist under "),
        (("restore", "bronze.events", "1", "--yes"), "bronze.events is append-only and cannot be restored"),
        (("restore", "gold.models", "1", "--yes"), "gold.models cannot be restored: the models' files"),
        (
            ("restore", "gold.powerbi_recommendations", "1"),
            "not confirmed, so nothing was changed; add --yes to run without a terminal",
        ),
    ],
    ids=[
        "no version",
        "no table",
        "none to restore",
        "the same",
        "no such table",
        "bronze",
        "models",
        "not confirmed",
    ],
)
def test_what_cannot_be_done_is_one_line(
    spark: SparkSession, root: str, command: Command, arguments: tuple[str, ...], line: str
) -> None:
    code, _, err = command(*arguments, root=root)
    assert code == 2
    assert err.startswith(f"lakehouse: {line}")
    assert err.count("\n") == 1
    assert SparkLakehouse(root, spark).version(GOLD_POWERBI) == 2


def test_a_version_whose_files_are_gone_is_one_line(root: str) -> None:
    for file in Path(root, "gold", "powerbi_recommendations").glob("*.parquet"):
        file.unlink()
    with pytest.raises(
        TableError, match=r"version 1 or 2 of gold.powerbi_recommendations cannot be read"
    ) as error:
        difference(Lakehouse(root), GOLD_POWERBI, 1, 2, limit=5)
    assert "\n" not in str(error.value)


def test_a_gold_table_is_restored_and_brought_back(spark: SparkSession, root: str, command: Command) -> None:
    code, out, err = command("restore", "gold.powerbi_recommendations", "1", "--yes", root=root)
    assert (code, err) == (0, "")
    assert out.splitlines()[0] == (
        "gold.powerbi_recommendations, version 2 (3 rows), gets the rows of version 1 (3 rows)"
    )
    assert "no stream is affected" in out
    assert out.splitlines()[-1] == "gold.powerbi_recommendations is at version 3, with the rows of version 1"
    first = spark.createDataFrame(FIRST, EXPORT)
    lake = SparkLakehouse(root, spark)
    assert_df_equality(lake.read(GOLD_POWERBI), first, ignore_row_order=True, ignore_nullable=True)
    assert command("restore", "gold.powerbi_recommendations", "2", "--yes", root=root)[0] == 0
    second = spark.createDataFrame(SECOND, EXPORT)
    assert_df_equality(lake.read(GOLD_POWERBI), second, ignore_row_order=True, ignore_nullable=True)


class Terminal(io.StringIO):
    """A terminal where a person types this."""

    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(("answer", "code"), [("y\n", 0), ("Yes\n", 0), ("\n", 2), ("n\n", 2), ("yesterday\n", 2)])
def test_a_person_is_asked(
    spark: SparkSession, root: str, command: Command, monkeypatch: pytest.MonkeyPatch, answer: str, code: int
) -> None:
    monkeypatch.setattr("sys.stdin", Terminal(answer))
    found = command("restore", "gold.powerbi_recommendations", "1", root=root)
    assert found[0] == code
    assert "restore gold.powerbi_recommendations to version 1? [y/N]" in found[1]
    assert SparkLakehouse(root, spark).version(GOLD_POWERBI) == (3 if code == 0 else 2)


def send_user(settings: Settings, name: str) -> None:
    cluster = configured_cluster(settings.kafka)
    ensure_topics(cluster, settings.kafka.topics, **settings.kafka.new_topics)
    event = encode(USER | {"nombre_usuario": name, "timestamp": f"2025-05-13T11:59:0{len(name)}Z"})
    publish([Record(b"u", event, None)], topic=settings.kafka.users_topic, cluster=cluster)


def test_a_restored_silver_stops_its_stream_as_the_plan_says(
    spark: SparkSession, settings: Settings, command: Command
) -> None:
    cluster = configured_cluster(settings.kafka)
    for name in ("Ana", "Lucía"):
        send_user(settings, name)
        ingest(spark, settings, cluster)
        refine(spark, settings)
    wanted = ("restore", "silver.users", "1", "--yes")
    with only_run(settings.ops_dir, "silver"):
        refused = command(*wanted, settings=settings)
    assert refused.code == 2
    assert "silver is already running" in refused.err
    code, said, _ = command(*wanted, settings=settings)
    assert code == 0
    assert "stream 2 stops: it refuses to continue from a restored table" in said
    assert "`lakehouse rebuild silver` builds silver again from bronze" in said
    names = SparkLakehouse(settings.root, spark).read(SILVER_USERS).select("nombre_usuario").collect()
    assert [row[0] for row in names] == ["Ana"]
    with pytest.raises(CheckpointError, match=r"version \d of silver.users was written by RESTORE"):
        refine(spark, settings)
    ingest(spark, settings, cluster)  # bronze is not affected


@pytest.mark.parametrize("name", ["bronze.events", "silver.corrections", "quality.results"])
def test_append_only_tables_refuse_even_their_first_version(
    spark: SparkSession, tmp_path: Path, command: Command, name: str
) -> None:
    """Delta itself would let a restore remove rows from an append-only table; the command does not."""
    root = str(tmp_path / "lakehouse")
    SparkLakehouse(root, spark).ensure(find_table(name))
    outcome = command("restore", name, "0", "--yes", root=root)
    assert outcome.code == 2
    assert "append-only and cannot be restored" in outcome.err
