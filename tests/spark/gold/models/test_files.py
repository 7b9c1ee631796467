"""Models as files and as rows of gold.models, after crashes, worse models and rollbacks."""

import csv
import datetime as dt
import json
import re
import shutil
from dataclasses import replace
from pathlib import Path

import pytest
from pyspark.sql import DataFrame, SparkSession

from gold import recommend, roll_back
from gold.models.files import load_model, save_model
from gold.models.publication import offer_model
from gold.models.registry import ModelRecord, PublicationRule, read_models
from gold.models.saved import is_saved, read_frame, saved_versions
from gold.recommender.blend import model_version, save_blend, train_blend
from gold.recommender.recipes import recipe_of
from lakehouse.errors import TableError
from lakehouse.exports import RECOMMENDATIONS_CSV, export_path
from lakehouse.folders import open_folder
from lakehouse.locks import RunningError, only_run
from lakehouse.settings import Settings, load_settings
from lakehouse.spark.lakehouse import SparkLakehouse
from lakehouse.tables import (
    GOLD_AFFINITY,
    GOLD_MODELS,
    GOLD_RECOMMENDATIONS,
    SILVER_CONTENT,
    SILVER_FEEDBACK,
    SILVER_USERS,
)
from tests.support.delta_tables import fill, refill
from tests.support.demo import Demo
from tests.support.folders import EVERY_SIGN
from tests.support.frames import assert_df_equality
from tests.support.outcome import Command
from tests.support.small import with_quick_models

NOON = dt.datetime(2026, 3, 1, 12, tzinfo=dt.UTC)
RULE = PublicationRule("rmse", margin=0.0)
FACTORS = "user_id string, factors array<float>"


@pytest.fixture
def root(tmp_path: Path) -> str:
    return str(tmp_path / EVERY_SIGN)


def factors(spark: SparkSession, *users: str) -> DataFrame:
    return spark.createDataFrame([(user, [0.1, float(n)]) for n, user in enumerate(users)], FACTORS)


def record(version: str, *, rmse: float, day: int = 1) -> ModelRecord:
    return ModelRecord(version, NOON.replace(day=day), {"rank": "2"}, {"rmse": rmse}, {"silver.users": 7})


def statuses(root: str) -> dict[str, str]:
    return {record.model_version: record.status for record in read_models(root)}


# --- files ---------------------------------------------------------------------------------------------------


def test_a_model_comes_back_as_it_was_saved(spark: SparkSession, root: str) -> None:
    lake = SparkLakehouse(root, spark)
    users = factors(spark, "007", "7", "ñ/?")  # ids are text, whatever they contain
    nothing = spark.createDataFrame([], "content_id string, bias double")
    numbers = {"mean": 0.1 + 0.2, "weights": {"als": 0.5}, "ranks": [1, 2], "name": "blend"}
    save_model(root, "als-1", {"users": users, "nothing": nothing}, numbers)
    loaded = load_model(lake, "als-1")
    assert loaded.numbers == numbers
    assert_df_equality(loaded.frames["users"], users, ignore_row_order=True)
    assert_df_equality(loaded.frames["nothing"], nothing)  # an empty frame keeps its columns
    without_spark = read_frame(root, "als-1", "users")
    assert without_spark is not None
    assert_df_equality(spark.createDataFrame(without_spark.to_pylist(), FACTORS), users, ignore_row_order=True)


def test_what_is_saved_under_a_version_stays(spark: SparkSession, root: str) -> None:
    save_model(root, "als-1", {"users": factors(spark, "first")}, {"mean": 1.0})
    save_model(root, "als-1", {"users": factors(spark, "second")}, {"mean": 2.0})
    loaded = load_model(SparkLakehouse(root, spark), "als-1")
    assert (loaded.numbers["mean"], [row["user_id"] for row in loaded.frames["users"].collect()]) == (
        1.0,
        ["first"],
    )


def test_a_half_written_model_is_none_and_is_replaced(spark: SparkSession, root: str) -> None:
    lake = SparkLakehouse(root, spark)
    save_model(root, "als-1", {"users": factors(spark, "lost"), "titles": factors(spark, "lost")}, {})
    open_folder(root).delete("models/als-1/model.json")  # as after a kill before the last step
    assert saved_versions(root) == []
    with pytest.raises(TableError, match="model als-1 is not saved"):
        load_model(lake, "als-1")
    save_model(root, "als-1", {"users": factors(spark, "new")}, {})
    assert [row["user_id"] for row in load_model(lake, "als-1").frames["users"].collect()] == ["new"]
    assert [name for name in open_folder(f"{root}/models/als-1").names() if not name.endswith(".crc")] == [
        "model.json",
        "users",
    ]


def test_a_model_that_has_lost_a_file_is_none(spark: SparkSession, root: str) -> None:
    """Otherwise Spark would read the rest of the folder as the whole frame."""
    save_model(root, "als-1", {"users": factors(spark, "first")}, {})
    assert is_saved(root, "als-1")
    next(Path(root, "models", "als-1", "users").glob("*.parquet")).unlink()
    assert not is_saved(root, "als-1")
    save_model(root, "als-1", {"users": factors(spark, "again")}, {})
    assert load_model(SparkLakehouse(root, spark), "als-1").frames["users"].count() == 1


@pytest.mark.parametrize("name", ["../../silver", "", ".", "a/b"])
def test_a_version_is_no_path(spark: SparkSession, root: str, name: str) -> None:
    with pytest.raises(ValueError, match="cannot be the name of a folder"):
        load_model(SparkLakehouse(root, spark), name)


# --- rows ----------------------------------------------------------------------------------------------------


def test_models_are_offered_one_after_the_other(spark: SparkSession, root: str) -> None:
    lake = SparkLakehouse(root, spark)
    first = record("good", rmse=1.0)
    with pytest.raises(TableError, match="model good is not saved"):
        offer_model(lake, first, rule=RULE, keep=1)
    save_model(root, "good", {}, {})
    assert offer_model(lake, first, rule=RULE, keep=1) == ("good", "")
    (stored,) = read_models(root)
    assert (stored.trained_at, stored.published_at) == (NOON, NOON)
    assert (stored.parameters, stored.metrics, stored.input_versions) == (
        {"rank": "2"},
        {"rmse": 1.0},
        {"silver.users": 7},
    )
    version = lake.version(GOLD_MODELS)
    assert offer_model(lake, first, rule=RULE, keep=1) == ("good", "")  # the same again: nothing to write
    assert lake.version(GOLD_MODELS) == version

    save_model(root, "bad", {}, {})
    bad = record("bad", rmse=2.0, day=2)
    reason = "rmse 2.0000 against 1.0000 of the published good, worse by more than 0.0%"
    assert offer_model(lake, bad, rule=RULE, keep=1) == ("good", reason)
    assert statuses(root) == {"good": "published", "bad": "refused"}
    assert offer_model(lake, bad, rule=RULE, keep=1, force=True) == ("bad", "")
    assert read_models(root)[-1].reason == f"by force: {reason}"

    save_model(root, "better", {}, {})
    assert offer_model(lake, record("better", rmse=0.5, day=3), rule=RULE, keep=1) == ("better", "")
    # good was published before bad, and one is kept
    assert statuses(root) == {"good": "expired", "bad": "retired", "better": "published"}
    assert saved_versions(root) == ["bad", "better"]


def test_a_model_without_figures_gives_way_and_takes_no_place(
    spark: SparkSession, root: str, caplog: pytest.LogCaptureFixture
) -> None:
    lake = SparkLakehouse(root, spark)

    def offer(version: str, day: int, **metrics: float) -> tuple[str, str]:
        save_model(root, version, {}, {})
        new = replace(record(version, rmse=0.0, day=day), metrics=metrics)
        return offer_model(lake, new, rule=RULE, keep=9)

    assert offer("blank", 1, novelty=2.0) == ("blank", "")
    assert offer("first", 2, rmse=9.0) == ("first", "")
    assert offer("blank-too", 3) == ("first", "no rmse against 9.0000 of the published first")
    assert [line.message for line in caplog.records if line.name == "gold.models.publication"] == [
        "blank is published without a comparison: the first model, without rmse",
        "first is published without a comparison: rmse 9.0000, the published blank has none",
    ]
    assert statuses(root) == {"blank": "retired", "first": "published", "blank-too": "refused"}


def test_gold_models_stays_open_to_simple_readers(spark: SparkSession, root: str) -> None:
    lake = SparkLakehouse(root, spark)
    save_model(root, "good", {}, {})
    offer_model(lake, record("good", rmse=1.0), rule=RULE, keep=1)
    detail = lake.delta_table(GOLD_MODELS).detail().collect()[0]
    assert detail["minReaderVersion"] == 1


# --- the jobs ------------------------------------------------------------------------------------------------


@pytest.fixture
def small(root: str) -> Settings:
    """Six users and twenty titles that share nothing, and a model that trains quickly."""
    base = with_quick_models(load_settings())
    source = (NOON, NOON, "topic", 0, 0)
    users = [(f"u{n}", f"U{n}", None, [], [], [], None, [], *source) for n in range(6)]
    titles = [(f"t{n}", "movie", f"Title {n}", [], [], [], None, None, None, None, *source) for n in range(20)]
    for table, rows in ((SILVER_USERS, users), (SILVER_CONTENT, titles), (GOLD_AFFINITY, [])):
        fill(root, table, rows)
    return base.model_copy(update={"root": root})


def rate(root: str, *, taste: bool) -> None:
    """Even users rate even titles 5 and odd ones 2, odd users the reverse; or ratings with nothing to learn."""
    rows = [
        (
            f"f{u}-{t}",
            f"u{u}",
            f"t{t}",
            "rating",
            5.0 - 3 * ((u + t) % 2) if taste else 1.0 + (u * u * 3 + t * t * 5 + u * t) % 5,
            None,
            NOON + dt.timedelta(minutes=(t + 3 * u) % 10),  # each user's held-out titles are known from the others
            *(NOON, "topic", 0, 0),
        )
        for u in range(6)
        for t in range(10)
    ]
    refill(root, SILVER_FEEDBACK, rows)


def listed(spark: SparkSession, root: str) -> set[str]:
    """The models that the lists come from."""
    return {
        row[0]
        for row in SparkLakehouse(root, spark)
        .read(GOLD_RECOMMENDATIONS)
        .select("model_version")
        .distinct()
        .collect()
    }


def test_a_worse_model_is_refused_then_forced_then_rolled_back(
    spark: SparkSession, small: Settings, command: Command, caplog: pytest.LogCaptureFixture
) -> None:
    root = small.root
    lake = SparkLakehouse(root, spark)
    rate(root, taste=True)
    # a kill between saving and publishing leaves the model of this feedback, but no row for it
    feedback, recipe = lake.read(SILVER_FEEDBACK), recipe_of(small.gold)
    good = model_version(feedback, recipe=recipe)
    save_blend(root, good, train_blend(feedback, recipe=recipe))
    manifest = Path(root, "models", good, "model.json")
    saved_at = manifest.stat().st_mtime_ns

    recommend.run(spark, small)
    assert statuses(root) == {good: "published"}
    assert manifest.stat().st_mtime_ns == saved_at
    assert listed(spark, root) == {good}
    lists = lake.read(GOLD_RECOMMENDATIONS).collect()

    rate(root, taste=False)
    recommend.run(spark, small)
    (bad,) = (version for version, status in statuses(root).items() if status == "refused")
    assert listed(spark, root) == {good}  # today's lists are still built
    assert [line.message.count(" against ") for line in caplog.records if good in line.message] == [1]

    recommend.run(spark, small, force=True)
    assert statuses(root) == {good: "retired", bad: "published"}
    assert listed(spark, root) == {bad}

    rate(root, taste=True)
    code, out, _ = command("models", "rollback", "--json", "--no-gate", settings=small)
    assert code == 0
    assert {row["model_version"]: row["status"] for row in json.loads(out)} == {
        good: "published",
        bad: "withdrawn",
    }
    assert lake.read(GOLD_RECOMMENDATIONS).exceptAll(spark.createDataFrame(lists)).count() == 0
    with Path(export_path(root, RECOMMENDATIONS_CSV)).open(encoding="utf-8-sig", newline="") as file:
        exported = {tuple(row[:2]) for row in list(csv.reader(file))[1:]}
    assert exported == {(row["user_id"], row["content_id"]) for row in lists}

    code, _, err = command("models", "rollback", bad[:-1] + "x", settings=small)
    assert (code, err) == (2, f"lakehouse: no model '{bad[:-1]}x'; did you mean {bad}?\n")
    code, out, _ = command("models", settings=small)
    assert code == 0
    assert "withdrawn" in out


def test_models_before_any_training_is_one_line(root: str, command: Command) -> None:
    empty = load_settings().model_copy(update={"root": root})
    code, _, err = command("models", settings=empty)
    assert code == 2
    assert err.startswith("lakehouse: table gold.models does not exist under ")
    code, _, err = command("models", "list", "als-1", settings=empty)
    assert code == 2
    assert err == "lakehouse: a model version without rollback: als-1; write: models rollback MODEL_VERSION\n"


def test_two_trainings_do_not_run_at_a_time(spark: SparkSession, root: str) -> None:
    settings = load_settings().model_copy(update={"root": root})
    with only_run(settings.ops_dir, "gold.models"):
        for job in (recommend, roll_back):
            with pytest.raises(RunningError, match=r"gold\.models is already running"):
                job.run(spark, settings)


def test_a_rollback_goes_through_the_gate(demo: Demo, command: Command, tmp_path: Path) -> None:
    root = str(shutil.copytree(demo.root, tmp_path / "lakehouse"))
    settings = demo.settings.model_copy(update={"root": root})
    (model,) = json.loads(command("models", "--json", settings=settings).out)
    again = command("models", "rollback", model["model_version"], settings=settings)
    assert again.code == 0, again.err
    assert again.out.startswith(f"{model['model_version']} is published, and its lists are exported")
    # the same with an invalid list: it is not exported
    csv = Path(export_path(root, RECOMMENDATIONS_CSV))
    before = csv.read_bytes()
    strict = settings.quality.model_copy(update={"min_rows_ratio": 2.0})
    refused = command("models", "rollback", model["model_version"], settings=settings, quality=strict)
    assert refused.code == 1
    assert re.search(r"gold.recommendations version \d+ stays published", refused.err)
    assert csv.read_bytes() == before
