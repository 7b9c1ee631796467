"""Data that did not pass goes no further: gold reads accepted silver, the export shows accepted lists."""

import json
import re
import shutil
from pathlib import Path

import pytest
from pyspark.sql import SparkSession
from pyspark.sql import functions as F

from gold import count_popularity, export_powerbi, recommend
from gold.inputs import read_inputs
from lakehouse.errors import CheckFailedError, CheckNotRunError, TableError
from lakehouse.exports import RECOMMENDATIONS_CSV, export_path
from lakehouse.history import acceptance
from lakehouse.history.acceptance import without_gate
from lakehouse.history.commits import commits
from lakehouse.lakehouse import Lakehouse
from lakehouse.settings import Settings
from lakehouse.spark.checkpoints import CheckpointError
from lakehouse.spark.lakehouse import SparkLakehouse
from lakehouse.tables import (
    CATALOGUE,
    GOLD_POPULARITY,
    GOLD_POWERBI,
    GOLD_RECOMMENDATIONS,
    QUALITY_RESULTS,
    SILVER_BATCHES,
    SILVER_FEEDBACK,
    SILVER_USERS,
    Table,
)
from quality.checking import check
from quality.gate import require_passed
from quality.suites import has_suite


def latest(spark: SparkSession, settings: Settings, table: Table) -> int:
    return SparkLakehouse(settings.root, spark).version(table)


def made_from(settings: Settings, table: Table) -> dict[str, int]:
    inputs: dict[str, int] = next(commits(Lakehouse(settings.root), table)).user_metadata["inputs"]
    return inputs


def test_silver_that_fails_is_not_read_and_the_last_good_version_is(spark: SparkSession, own: Settings) -> None:
    good, published = latest(spark, own, SILVER_FEEDBACK), latest(spark, own, GOLD_RECOMMENDATIONS)
    Lakehouse(own.root).delta(SILVER_FEEDBACK).update({"user_id": "concat('x', user_id)"})
    with pytest.raises(CheckFailedError) as error:
        require_passed(spark, own, "silver")
    assert "silver did not pass its checks: silver.feedback version" in error.value.problem
    assert (
        "user_id expect_rows_to_be_in_table: 1 (expected at most 0.25 (reference silver.users"
        in error.value.problem
    )
    assert f"gold.recommendations version {published} stays published" in error.value.problem
    assert re.search(r"see .*\.html; --no-gate", error.value.todo)
    # a job that is started on its own reads the accepted version
    count_popularity.run(spark, own)
    assert made_from(own, GOLD_POPULARITY) == {"silver.feedback": good}
    with without_gate():
        assert read_inputs(SparkLakehouse(own.root, spark), SILVER_FEEDBACK).versions == {
            "silver.feedback": good + 1
        }


def test_one_bad_table_keeps_the_whole_layer_back(spark: SparkSession, own: Settings) -> None:
    """Users may be correct on their own: with the feedback of that moment they are not what was checked."""
    good = latest(spark, own, SILVER_USERS)
    Lakehouse(own.root).delta(SILVER_USERS).update(predicate="id = 'u000002'", updates={"clasificacion": "NULL"})
    Lakehouse(own.root).delta(SILVER_FEEDBACK).update({"user_id": "concat('x', user_id)"})
    with pytest.raises(CheckFailedError):
        require_passed(spark, own, "silver")
    accepted = acceptance.last_accepted(own.root, SILVER_USERS)
    assert accepted is not None
    assert accepted.version == good
    assert read_inputs(SparkLakehouse(own.root, spark), SILVER_USERS).versions == {"silver.users": good}


def test_a_table_that_passes_by_itself_is_not_accepted(spark: SparkSession, own: Settings) -> None:
    """Otherwise checking one table would open the gate that the others keep shut."""
    good = latest(spark, own, SILVER_USERS)
    Lakehouse(own.root).delta(SILVER_USERS).update(predicate="id = 'u000002'", updates={"clasificacion": "NULL"})
    assert check(own, [SILVER_USERS], session=lambda: spark).exit_code == 0
    accepted = acceptance.last_accepted(own.root, SILVER_USERS)
    assert accepted is not None
    assert accepted.version == good
    require_passed(spark, own, "silver")
    newest = acceptance.last_accepted(own.root, SILVER_USERS)
    assert newest is not None
    assert newest.version == good + 1
    # an older version is compared with the one before it, not with later ones
    assert acceptance.last_accepted(own.root, SILVER_USERS, up_to=good) == accepted


def test_a_batch_that_ended_between_the_commit_and_the_check_is_judged_by_the_next(
    spark: SparkSession, own: Settings
) -> None:
    accepted = acceptance.last_accepted(own.root, SILVER_BATCHES)
    assert accepted is not None
    assert accepted.written_at is not None
    between = accepted.written_at + (accepted.checked_at - accepted.written_at) / 2
    late = SparkLakehouse(own.root, spark).read(SILVER_BATCHES).limit(1)
    counts = {"rows_in": 100, "quarantined": 100, "applied": 0, "superseded": 0, "deleted": 0, "batch_id": 99}
    late = late.withColumns({name: F.lit(count).cast("bigint") for name, count in counts.items()})
    SparkLakehouse(own.root, spark).append(late.withColumn("finished_at", F.lit(between)), SILVER_BATCHES)
    with pytest.raises(CheckFailedError, match=r"expect_largest_rejected_share_to_be_at_most: 1 "):
        require_passed(spark, own, "silver")


def test_half_of_a_rebuilt_silver_is_not_checked(spark: SparkSession, own: Settings) -> None:
    marker = Path(own.root, "rebuild", "silver.json")
    marker.parent.mkdir()
    marker.write_text(json.dumps({"stamp": "20260301T120000Z"}))
    with pytest.raises(CheckpointError, match="a rebuild of silver was interrupted"):
        require_passed(spark, own, "silver")


def test_a_layer_is_whole_with_every_table_that_has_a_suite() -> None:
    gated = {table.sql_name for tables in acceptance.GATED.values() for table in tables}
    assert gated == {table.sql_name for table in CATALOGUE if has_suite(table)} - {GOLD_POWERBI.sql_name}


def test_lists_that_fail_are_not_exported(
    spark: SparkSession, own: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    file = Path(export_path(own.root, RECOMMENDATIONS_CSV))
    before, good = file.read_bytes(), latest(spark, own, GOLD_RECOMMENDATIONS)
    Lakehouse(own.root).delta(GOLD_RECOMMENDATIONS).delete("user_id = 'u000002'")
    with pytest.raises(CheckFailedError) as error:
        require_passed(spark, own, "gold")
    assert "expect_every_user_to_have_recommendations: 1 (expected 0)" in error.value.problem
    assert f"it is not exported, and gold.recommendations version {good} stays published" in error.value.problem
    export_powerbi.run(spark, own)
    assert file.read_bytes() == before
    assert made_from(own, GOLD_POWERBI)["gold.recommendations"] == good
    capsys.readouterr()
    with without_gate():
        export_powerbi.run(spark, own)
    assert file.read_bytes() != before
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 2
    assert all(line.startswith("lakehouse: WARNING --no-gate: ") for line in lines)
    # a version published without a check does not count as good
    assert acceptance.published_recommendations(own.root) == f"gold.recommendations version {good + 1}"
    accepted = acceptance.last_accepted(own.root, GOLD_RECOMMENDATIONS)
    assert accepted is not None
    assert accepted.version == good


def test_lists_made_from_unchecked_silver_are_not_accepted(spark: SparkSession, own: Settings) -> None:
    Lakehouse(own.root).delta(SILVER_USERS).update(
        predicate="id = 'u000002'", updates={"nombre_usuario": "'Otra'"}
    )
    with without_gate():
        recommend.run(spark, own)
    with pytest.raises(CheckFailedError, match=r"expect_input_versions_to_have_passed: silver\.users version"):
        require_passed(spark, own, "gold")
    require_passed(spark, own, "silver")
    require_passed(spark, own, "gold")


def test_what_could_not_be_checked_stops_the_flow_with_code_2(spark: SparkSession, own: Settings) -> None:
    Lakehouse(own.root).delta(SILVER_USERS).delete()
    with pytest.raises(
        CheckNotRunError, match=r"silver could not be checked: silver\.users .* the table is empty"
    ):
        require_passed(spark, own, "silver")


@pytest.mark.parametrize("change", ["never checked", "results of another table"])
def test_without_an_accepted_version_there_is_no_export(spark: SparkSession, own: Settings, change: str) -> None:
    """A recreated table counts its versions from 0: old results do not apply to it."""
    if change == "never checked":
        shutil.rmtree(Lakehouse(own.root).path(QUALITY_RESULTS))
    else:
        rows = SparkLakehouse(own.root, spark).read(GOLD_RECOMMENDATIONS).localCheckpoint()
        shutil.rmtree(Lakehouse(own.root).path(GOLD_RECOMMENDATIONS))
        SparkLakehouse(own.root, spark).overwrite(rows, GOLD_RECOMMENDATIONS)
    with pytest.raises(TableError) as error:
        export_powerbi.run(spark, own)
    assert error.value.problem == "no version of gold.recommendations has passed its checks"
    assert "spark-submit quality/check.py gold" in error.value.todo


def test_silver_that_was_checked_and_never_passed_is_not_read(spark: SparkSession, own: Settings) -> None:
    shutil.rmtree(Lakehouse(own.root).path(QUALITY_RESULTS))
    version = latest(spark, own, SILVER_USERS)
    # never checked: a job on its own reads what exists, and its result is not exported
    assert read_inputs(SparkLakehouse(own.root, spark), SILVER_USERS).versions == {"silver.users": version}
    Lakehouse(own.root).delta(SILVER_USERS).update({"clasificacion": "'74 min'"})
    with pytest.raises(CheckFailedError):
        require_passed(spark, own, "silver")
    with pytest.raises(TableError, match=r"no version of silver\.users has passed its checks"):
        read_inputs(SparkLakehouse(own.root, spark), SILVER_USERS)


def test_a_run_without_comparison_takes_other_data_as_it_is(spark: SparkSession, own: Settings) -> None:
    Lakehouse(own.root).delta(SILVER_FEEDBACK).update(predicate="action = 'rating'", updates={"rating": "5.0"})
    with pytest.raises(CheckFailedError, match="rating expect_column_jensen_shannon_distance_to_be_at_most"):
        require_passed(spark, own, "silver")
    require_passed(spark, own, "silver", compare=False)


def test_the_gates_stand_before_gold_and_before_the_export() -> None:
    from operations.pipeline.steps import STEPS, selected_steps, ungated

    names = [step.name for step in STEPS]
    assert names[2] == "gate: check silver"
    assert names[-2:] == ["gate: check gold", "gold: Power BI export"]
    assert [step.name for step in selected_steps("gold")] == names[2:]
    assert not any(step.gate for step in selected_steps("silver"))
    assert [step.name for step in ungated(STEPS)] == [name for name in names if not name.startswith("gate: ")]
