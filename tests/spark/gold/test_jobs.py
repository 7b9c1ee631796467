"""The four jobs of gold over real Delta tables: what they write, twice, and what stops them."""

import csv
import datetime as dt
import json
import shutil
from pathlib import Path
from typing import NamedTuple

import pytest
from pyspark.sql import DataFrame, SparkSession

from gold import count_popularity, export_powerbi, rate_affinity, recommend
from lakehouse.errors import TableError
from lakehouse.exports import RECOMMENDATIONS_CSV, export_path
from lakehouse.history.acceptance import without_gate
from lakehouse.settings import Settings, load_settings
from lakehouse.spark.lakehouse import SparkLakehouse
from lakehouse.tables import (
    GOLD_AFFINITY,
    GOLD_METRICS,
    GOLD_POPULARITY,
    GOLD_POWERBI,
    GOLD_RECOMMENDATIONS,
    SILVER_CONTENT,
    SILVER_FEEDBACK,
    SILVER_USERS,
)
from tests.support.delta_tables import fill
from tests.support.frames import assert_df_equality
from tests.support.small import with_quick_models

NOON = dt.datetime(2026, 3, 1, 12, tzinfo=dt.UTC)
USERS, TITLES, EVENTS = 12, 40, 30
JOBS = (rate_affinity, count_popularity, recommend, export_powerbi)


class Finished(NamedTuple):
    """A lakehouse in which all jobs have run twice, and the file as the first run left it. Read-only."""

    root: str
    first_file: bytes


@pytest.fixture(scope="module")
def finished(spark: SparkSession, tmp_path_factory: pytest.TempPathFactory) -> Finished:
    settings = quick(str(tmp_path_factory.mktemp("gold") / "lakehouse"))
    fill_silver(settings.root)
    run_all(spark, settings)
    first_file = Path(export_path(settings.root, RECOMMENDATIONS_CSV)).read_bytes()
    run_all(spark, settings)
    return Finished(settings.root, first_file)


@pytest.fixture
def gold(tmp_path: Path) -> Settings:
    return quick(str(tmp_path / "lakehouse"))


def quick(root: str) -> Settings:
    """Lists ranked by two ALS models, as the shipped settings have several."""
    settings = with_quick_models(load_settings())
    als = settings.gold.als.model_copy(update={"ranks": (2, 3)})
    return settings.model_copy(update={"root": root, "gold": settings.gold.model_copy(update={"als": als})})


def source(number: int) -> tuple[object, ...]:
    return (NOON, NOON, "topic", 0, number)


def fill_silver(root: str) -> None:
    """User n likes genre n % 2 and actor n % 5, title n has them; the last user has no tastes."""
    none: list[str] = []
    tastes = [
        (f"u{n:02}", f"U{n}", None, [f"g{n % 2}"], none, [f"a{n % 5}"], None, none, *source(n))
        for n in range(USERS - 1)
    ]
    blank = (f"u{USERS - 1:02}", "Blank", None, none, none, none, None, none, *source(USERS))
    content = [
        (
            f"t{n:02}",
            "movie",
            f'Title "{n}", part 1',
            [f"g{n % 2}"],
            none,
            [f"a{n % 5}"],
            None,
            None,
            None,
            None,
            *source(n),
        )
        for n in range(TITLES)
    ]
    feedback = [
        (f"f{n}", f"u{n % USERS:02}", f"t{n * 7 % TITLES:02}", "rating", 0.5 + n % 10 / 2, None, *source(n))
        for n in range(EVENTS)
        if n % USERS != USERS - 1  # nor any feedback
    ]
    for table, rows in ((SILVER_USERS, [*tastes, blank]), (SILVER_CONTENT, content), (SILVER_FEEDBACK, feedback)):
        fill(root, table, rows)


def run_all(spark: SparkSession, settings: Settings) -> None:
    with without_gate():  # these tables were not checked: tests/spark/quality does that
        for job in JOBS:
            job.run(spark, settings)


def test_all_jobs_twice_leave_the_same_rows(spark: SparkSession, finished: Finished) -> None:
    lake = SparkLakehouse(finished.root, spark)
    file = Path(export_path(finished.root, RECOMMENDATIONS_CSV))
    assert file.read_bytes() == finished.first_file
    for table in (GOLD_AFFINITY, GOLD_RECOMMENDATIONS, GOLD_POPULARITY, GOLD_POWERBI):
        first = lake.read(table, version=1)
        assert_df_equality(first, lake.read(table, version=2), ignore_row_order=True)
    assert_lists(lake.read(GOLD_RECOMMENDATIONS))
    assert_metrics(lake.read(GOLD_METRICS))
    assert list(file.parent.iterdir()) == [file]
    assert list((Path(finished.root) / "checkpoints" / "als").iterdir()) == []


def assert_lists(recommendations: DataFrame) -> None:
    lists: dict[str, list[tuple[int, float, str]]] = {}
    for row in recommendations.orderBy("user_id", "rank").collect():
        lists.setdefault(row["user_id"], []).append((row["rank"], row["predicted_rating"], row["source"]))
    assert sorted(lists) == [f"u{n:02}" for n in range(12)]
    for user, places in lists.items():
        assert [rank for rank, _, _ in places] == list(range(1, 11))
        rated = [rating for _, rating, _ in places]
        assert rated == sorted(rated, reverse=True)
        # u11 has neither tastes nor feedback; users with only low ratings get no title from the model
        sources = {source for _, _, source in places}
        assert sources == {"popularity"} if user == "u11" else sources & {"als", "affinity"}


def assert_metrics(metrics: DataFrame) -> None:
    rows = {(row["model"], row["metric"]): row for row in metrics.collect()}
    assert len(rows) == metrics.count()  # one model, though it ran twice
    assert {model for model, _ in rows} == {"blend", "popularity", "mean"}
    assert rows["blend", "rmse"]["baseline"] == rows["mean", "rmse"]["value"] > 0
    assert rows["blend", "coverage"]["baseline"] == rows["popularity", "coverage"]["value"] > 0
    assert sorted(rows["blend", "rmse"]["input_versions"]) == [
        "gold.affinity_ratings",
        "silver.content",
        "silver.feedback",
        "silver.users",
    ]


def test_csv_holds_the_rows_of_the_table_in_order_of_rank(spark: SparkSession, finished: Finished) -> None:
    lake = SparkLakehouse(finished.root, spark)
    with Path(export_path(finished.root, RECOMMENDATIONS_CSV)).open(encoding="utf-8-sig", newline="") as file:
        header, *rows = csv.reader(file, strict=True)
    assert header == GOLD_POWERBI.columns
    ranked = lake.read(GOLD_RECOMMENDATIONS).orderBy("user_id", "rank").collect()
    assert [tuple(row[:2]) for row in rows] == [(row["user_id"], row["content_id"]) for row in ranked]
    assert {row[2] for row in rows} <= {f'Title "{n}", part 1' for n in range(40)}
    table = lake.read(GOLD_POWERBI).collect()
    assert sorted(tuple(row) for row in rows) == sorted((*row[:3], f"{row[3]:.2f}") for row in table)


def test_each_commit_records_the_versions_it_was_made_from(spark: SparkSession, finished: Finished) -> None:
    commit = SparkLakehouse(finished.root, spark).delta_table(GOLD_RECOMMENDATIONS).history(1).collect()[0]
    assert json.loads(commit["userMetadata"]) == {
        "inputs": {"gold.affinity_ratings": 2, "silver.content": 1, "silver.feedback": 1, "silver.users": 1}
    }


def test_a_missing_table_is_named(spark: SparkSession, gold: Settings) -> None:
    for job, missing in zip(
        JOBS, ("silver.users", "silver.feedback", "gold.affinity", "gold.recomm"), strict=True
    ):
        with pytest.raises(TableError, match=f"table {missing}.* does not exist"):
            job.run(spark, gold)


def test_a_recommended_title_that_is_gone_stops_the_export(
    spark: SparkSession, finished: Finished, gold: Settings
) -> None:
    lake = SparkLakehouse(gold.root, spark)
    shutil.copytree(finished.root, gold.root)
    file = Path(export_path(gold.root, RECOMMENDATIONS_CSV))
    best = lake.read(GOLD_RECOMMENDATIONS).where("rank = 1").orderBy("user_id").first()
    assert best is not None
    lake.delta_table(SILVER_CONTENT).delete(f"id = '{best['content_id']}'")
    with pytest.raises(TableError, match=f"1 recommended titles .*{best['content_id']}"), without_gate():
        export_powerbi.run(spark, gold)
    assert file.read_bytes() == finished.first_file
    recommend.run(spark, gold)  # the affinity still has the title, silver does not: no list may have it
    with without_gate():
        export_powerbi.run(spark, gold)
    assert f",{best['content_id']},".encode() not in file.read_bytes()


def test_gold_stays_open_to_simple_readers(spark: SparkSession, finished: Finished) -> None:
    for table in (GOLD_RECOMMENDATIONS, GOLD_POWERBI, GOLD_POPULARITY, GOLD_METRICS):
        detail = spark.sql(f"DESCRIBE DETAIL delta.`{table.path(finished.root)}`").collect()[0]
        assert detail["minReaderVersion"] == 1
