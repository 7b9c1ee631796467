"""What a gold job recomputes after changes in silver: no more than it must, with the rows of a full run."""

import datetime as dt
import random
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from gold import rate_affinity
from gold.affinity import changes
from gold.affinity.changes import NO_BASE, ChangedKeys, fingerprint
from gold.inputs import Inputs, read_inputs
from lakehouse import lakehouse
from lakehouse.history.commits import commit, lineage_of
from lakehouse.kafka.client import Cluster
from lakehouse.settings import Settings, load_settings
from lakehouse.spark.lakehouse import SparkLakehouse
from lakehouse.sql import text_in
from lakehouse.tables import (
    GOLD_AFFINITY,
    SILVER_CONTENT,
    SILVER_USERS,
    Table,
)
from operations.pipeline.steps import in_full, selected_steps
from tests.support.delta_cache import forget_tables
from tests.support.delta_tables import arrow_rows, fill
from tests.support.frames import assert_df_equality

# What a test does to silver.
Change = Callable[["Lakehouse"], object]

NOON = dt.datetime(2026, 3, 1, 12, tzinfo=dt.UTC)
NONE: list[str] = []
QUOTED = "\\'') OR ('1' = '1' \\"
PROVENANCE = (NOON, NOON, "topic", 0, 0)


def user(number: int, genre: str) -> tuple[object, ...]:
    return (f"u{number:02}", "U", None, [genre], NONE, [f"a{number % 5}"], None, NONE, *PROVENANCE)


def title(number: int, genre: str, name: str = "T") -> tuple[object, ...]:
    kinds = ([genre], NONE, [f"a{number % 5}"], None, None, None, None)
    return (f"t{number:02}", "movie", name, *kinds, *PROVENANCE)


class Lakehouse:
    """Silver tables that a test changes, by delta-rs, and gold tables built from them."""

    def __init__(self, spark: SparkSession, settings: Settings) -> None:
        self.spark, self.settings = spark, settings

    def merge(self, table: Table, *rows: tuple[object, ...]) -> None:
        target = self.lake.in_process.delta(table)
        merge = target.merge(arrow_rows(table, rows), "t.id = s.id", source_alias="s", target_alias="t")
        merge.when_matched_update_all().when_not_matched_insert_all().execute()

    @property
    def lake(self) -> SparkLakehouse:
        return SparkLakehouse(self.settings.root, self.spark)

    def delete(self, table: Table, *ids: str) -> None:
        self.lake.in_process.delta(table).delete(text_in("id", ids))

    def rows(self, table: Table) -> DataFrame:
        return self.lake.read(table)

    def version(self, table: Table) -> int:
        return self.lake.version(table)

    def rate(self, *, full: bool = False) -> None:
        rate_affinity.run(self.spark, self.settings, full=full)


@pytest.fixture(scope="module")
def made(spark: SparkSession, tmp_path_factory: pytest.TempPathFactory) -> str:
    """The root of a lakehouse whose gold was built once. Tests only copy it."""
    root = str(tmp_path_factory.mktemp("incremental") / "lakehouse")
    settings = load_settings().model_copy(update={"root": root})
    fill(root, SILVER_USERS, [user(n, f"g{n % 2}") for n in range(30)])
    fill(root, SILVER_CONTENT, [title(n, f"g{n % 2}") for n in range(12)])
    lakehouse = Lakehouse(spark, settings)
    lakehouse.rate()
    return root


@pytest.fixture
def own(spark: SparkSession, made: str, tmp_path: Path) -> Lakehouse:
    root = str(tmp_path / "lakehouse")
    shutil.copytree(made, root)
    return Lakehouse(spark, load_settings().model_copy(update={"root": root}))


def changed_users(lakehouse: Lakehouse, settings: Settings | None = None) -> ChangedKeys:
    chosen = settings or lakehouse.settings
    lake = SparkLakehouse(chosen.root, lakehouse.spark)
    inputs = read_inputs(lake, SILVER_USERS, SILVER_CONTENT)
    return rate_affinity.changed_users(lake, inputs, rate_affinity.derivation_of(chosen.gold.affinity))


def assert_equals_a_full_run(lakehouse: Lakehouse) -> None:
    version = lakehouse.version(GOLD_AFFINITY)
    found = lakehouse.lake.read(GOLD_AFFINITY, version=version)
    lakehouse.rate(full=True)
    assert_df_equality(found, lakehouse.rows(GOLD_AFFINITY), ignore_row_order=True)


def test_only_users_with_other_tastes_are_rated_again(own: Lakehouse) -> None:
    renamed = (user(6, "g0")[0], "Renamed", *user(6, "g0")[2:])
    own.merge(SILVER_USERS, user(3, "g0"), user(8, "g1"), user(10, "no title has it"), user(90, "g1"))
    own.merge(SILVER_USERS, (QUOTED, *user(91, "g1")[1:]))
    own.merge(SILVER_USERS, user(8, "g0"), user(5, "g1"), renamed)  # back to the original; an unread column
    own.delete(SILVER_USERS, "u00", "u09")
    own.merge(SILVER_USERS, user(9, "g0"))
    own.merge(SILVER_CONTENT, title(4, "g0", name="Renamed"))
    assert sorted(changed_users(own).keys or []) == [QUOTED, "u00", "u03", "u09", "u10", "u90"]
    own.rate()
    # the other users' rows were not written again, and delta-rs knows which are gone
    assert list(Path(own.lake.path(GOLD_AFFINITY)).glob("deletion_vector_*.bin"))
    assert len(own.lake.in_process.read(GOLD_AFFINITY)) == own.rows(GOLD_AFFINITY).count()
    assert_equals_a_full_run(own)


def restore_gold(lakehouse: Lakehouse) -> None:
    lakehouse.rate()
    lakehouse.lake.delta_table(GOLD_AFFINITY).restoreToVersion(1)


def delete_rows_of_gold(lakehouse: Lakehouse) -> None:
    lakehouse.lake.delta_table(GOLD_AFFINITY).delete("user_id = 'u01'")


def recreate_users(lakehouse: Lakehouse) -> None:
    """A table with as many versions as the previous one, and other users."""
    root = lakehouse.settings.root
    shutil.rmtree(SILVER_USERS.path(root))
    forget_tables()
    fill(root, SILVER_USERS, [user(n, f"g{n % 3}") for n in range(30)])


def lose_the_feed(lakehouse: Lakehouse) -> None:
    lakehouse.merge(SILVER_USERS, user(3, "g0"))
    shutil.rmtree(Path(SILVER_USERS.path(lakehouse.settings.root), "_change_data"))


def switch_the_feed_off(lakehouse: Lakehouse) -> None:
    off = {"delta.enableChangeDataFeed": "false"}
    lakehouse.lake.set_properties(SILVER_USERS, off)
    lakehouse.merge(SILVER_USERS, user(3, "g0"))


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (lambda silver: silver.merge(SILVER_CONTENT, title(4, "g1")), "many rows of silver.content"),
        (lambda silver: silver.delete(SILVER_CONTENT, "t04"), "many rows of silver.content"),
        (
            lambda silver: silver.merge(SILVER_USERS, *[user(n, "g2") for n in range(7)]),
            "many rows of silver.users",
        ),
        (restore_gold, NO_BASE.why_all),
        (delete_rows_of_gold, NO_BASE.why_all),
        (recreate_users, NO_BASE.why_all),
        (lose_the_feed, "change feed of silver.users cannot be read"),
        (switch_the_feed_off, "change feed of silver.users cannot be read"),
    ],
    ids=[
        "a title changed",
        "a title deleted",
        "many users",
        "gold restored",
        "gold changed by hand",
        "silver was recreated",
        "feed deleted",
        "feed off",
    ],
)
def test_every_user_is_rated_if_the_changes_are_not_enough(own: Lakehouse, change: Change, why: str) -> None:
    change(own)
    found = changed_users(own)
    assert found.keys is None
    assert why in found.why_all


def test_other_settings_recompute_everything(own: Lakehouse) -> None:
    gold = own.settings.gold
    other = gold.affinity.model_copy(update={"titles_per_user": 2})
    own.settings = own.settings.model_copy(update={"gold": gold.model_copy(update={"affinity": other})})
    assert changed_users(own) == NO_BASE
    own.rate()
    assert own.rows(GOLD_AFFINITY).groupBy("user_id").count().agg(F.max("count")).collect() == [(2,)]


def test_other_code_is_another_recipe(own: Lakehouse) -> None:
    recipe = rate_affinity.derivation_of(own.settings.gold.affinity)
    other = recipe._replace(code=recipe.code[:1])
    versions = {"silver.users": own.version(SILVER_USERS)}
    root = own.settings.root
    assert fingerprint(root, versions, recipe) == fingerprint(root, versions, recipe)
    assert fingerprint(root, versions, recipe) != fingerprint(root, versions, other)


def test_a_lower_version_of_an_input_recomputes_everything(own: Lakehouse) -> None:
    """The latest version of silver has not passed its checks, or no longer does: gold reads an older one."""
    own.merge(SILVER_USERS, user(3, "g0"))
    own.rate()
    older = {"silver.users": own.version(SILVER_USERS) - 1, "silver.content": own.version(SILVER_CONTENT)}
    inputs = Inputs({table.sql_name: own.rows(table) for table in (SILVER_USERS, SILVER_CONTENT)}, older)
    recipe = rate_affinity.derivation_of(own.settings.gold.affinity)
    found = rate_affinity.changed_users(own.lake, inputs, recipe)
    assert found == ChangedKeys(None, why_all="silver.users is at an older version than before")


def test_a_restored_silver_table_has_a_change_feed_like_any_other(own: Lakehouse) -> None:
    own.merge(SILVER_USERS, user(3, "g0"), user(90, "g1"))
    own.rate()
    own.lake.delta_table(SILVER_USERS).restoreToVersion(1)
    assert sorted(changed_users(own).keys or []) == ["u03", "u90"]


def test_small_files_are_joined_and_the_next_run_goes_on_from_them(
    own: Lakehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(changes, "MOST_FILES", 1)
    own.merge(SILVER_USERS, user(3, "g0"))
    own.rate()
    assert len(own.rows(GOLD_AFFINITY).inputFiles()) == 1
    own.merge(SILVER_USERS, user(4, "g1"))
    assert changed_users(own).keys == ["u04"]


def test_rows_of_others_stay_until_a_rebuild(own: Lakehouse) -> None:
    """Ratings that no run would produce show which rows were left alone."""
    root = own.settings.root
    note = commit(lakehouse.Lakehouse(root), GOLD_AFFINITY, own.version(GOLD_AFFINITY))
    assert note is not None
    own.lake.overwrite(
        own.rows(GOLD_AFFINITY).withColumn("rating", F.lit(1.0)),
        GOLD_AFFINITY,
        input_versions=note.user_metadata["inputs"],
        made_by=note.user_metadata["made_by"],
    )
    own.merge(SILVER_USERS, user(3, "g0"))
    own.rate()
    made = own.rows(GOLD_AFFINITY).where("rating > 1").select("user_id").distinct().collect()
    assert [row["user_id"] for row in made] == ["u03"]
    rebuild = {step.name: step.run for step in in_full(selected_steps("gold"))}
    rebuild["gold: affinity ratings"](own.spark, own.settings, Cluster(""))
    assert own.rows(GOLD_AFFINITY).where("rating > 1").select("user_id").distinct().count() == 30


def test_if_nothing_changed_the_inputs_are_recorded_and_no_file_is_written(own: Lakehouse) -> None:
    root = own.settings.root
    before = own.lake.read(GOLD_AFFINITY).inputFiles()
    made = own.version(GOLD_AFFINITY)
    own.merge(SILVER_USERS, user(3, "g1"))  # as before
    own.rate()
    assert own.version(GOLD_AFFINITY) == made + 1
    recorded = lineage_of(lakehouse.Lakehouse(root), GOLD_AFFINITY, made + 1)
    assert recorded == {"silver.content": 1, "silver.users": own.version(SILVER_USERS)}
    assert sorted(own.lake.read(GOLD_AFFINITY).inputFiles()) == sorted(before)


def test_any_sequence_of_changes_gives_what_a_full_run_does(
    own: Lakehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rate_affinity, "MOST_CHANGED", 100)
    chance = random.Random(1)  # noqa: S311 - the choice of changed rows needs no cryptographic randomness
    for _ in range(2):
        numbers = chance.sample(range(36), 6)
        own.merge(SILVER_USERS, *[user(n, f"g{chance.randint(0, 2)}") for n in numbers])
        own.delete(SILVER_USERS, *[f"u{n:02}" for n in chance.sample(range(36), 2)])
        assert changed_users(own).keys
        own.rate()
    assert_equals_a_full_run(own)
