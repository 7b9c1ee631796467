"""The catalogue of tables keeps what the design promises for each layer."""

import pytest
from pyspark.sql.types import StructType

from lakehouse.errors import TableError
from lakehouse.tables import (
    BRONZE_EVENTS,
    CATALOGUE,
    GOLD_AFFINITY,
    GOLD_POWERBI,
    GOLD_TRIALS,
    OPS_RUNS,
    QUALITY_RESULTS,
    Table,
    find_table,
    gated_tables,
    gold_jobs,
    layer_tables,
)
from lakehouse.tables.declaration import STRING, optional, required
from tests.support.folders import PROJECT

# Properties that make a table unreadable to Delta readers of version 1.
RAISES_READER_VERSION = (
    "delta.enableDeletionVectors",
    "delta.columnMapping.mode",
    "delta.enableTypeWidening",
    "delta.feature.",
    "delta.checkpointPolicy",
    "delta.minReaderVersion",
    "delta.enableRowTracking",
    "delta.enableIcebergCompatV2",
    "delta.universalFormat.enabledFormats",
)


def names(tables: tuple[Table, ...]) -> list[str]:
    return [table.sql_name for table in tables]


def test_the_tables_are_those_of_the_design() -> None:
    assert names(CATALOGUE) == [
        "bronze.events",
        "bronze.feedback",
        "silver.users",
        "silver.content",
        "silver.feedback",
        "silver.tombstones",
        "silver.quarantine",
        "silver.corrections",
        "silver.batches",
        "gold.affinity_ratings",
        "gold.content_popularity",
        "gold.recommendations",
        "gold.model_metrics",
        "gold.models",
        "gold.tuning_trials",
        "gold.powerbi_recommendations",
        "quality.results",
        "ops.runs",
    ]
    layers = ("bronze", "silver", "gold", "quality", "ops")
    assert tuple(table for layer in layers for table in layer_tables(layer)) == CATALOGUE


@pytest.mark.parametrize("table", CATALOGUE, ids=lambda table: table.sql_name)
def test_every_key_column_exists_and_is_not_null(table: Table) -> None:
    assert table.key
    assert {name: table.schema[name].nullable for name in table.key} == dict.fromkeys(table.key, False)


@pytest.mark.parametrize("table", CATALOGUE, ids=lambda table: table.sql_name)
def test_every_table_and_column_is_described(table: Table) -> None:
    assert table.row
    assert [name for name, description in table.descriptions.items() if not description] == []
    # each is shown as a sentence, in one cell of a table
    texts = [table.row, *table.descriptions.values()]
    assert [text for text in texts if text.endswith(".") or "|" in text or "\n" in text] == []


@pytest.mark.parametrize("table", CATALOGUE, ids=lambda table: table.sql_name)
def test_the_job_that_makes_a_table_exists(table: Table) -> None:
    assert (PROJECT / table.made_by.script).is_file()


def test_the_gate_accepts_a_layer_only_with_these_tables() -> None:
    gated = {layer: names(gated_tables(layer)) for layer in ("bronze", "silver", "gold", "quality", "ops")}
    assert gated == {
        "bronze": [],
        "silver": [
            "silver.users",
            "silver.content",
            "silver.feedback",
            "silver.tombstones",
            "silver.quarantine",
            "silver.batches",
        ],
        "gold": ["gold.affinity_ratings", "gold.content_popularity", "gold.recommendations", "gold.model_metrics"],
        "quality": [],
        "ops": [],
    }


def test_a_run_of_gold_takes_each_job_once_and_the_export_after_the_gate() -> None:
    assert [job.module for job in gold_jobs(after_gate=False)] == [
        "gold.rate_affinity",
        "gold.count_popularity",
        "gold.recommend",
    ]
    assert [job.module for job in gold_jobs(after_gate=True)] == ["gold.export_powerbi"]


def test_the_tables_that_may_be_empty_depend_on_what_people_and_sources_do() -> None:
    empty = [table.sql_name for table in CATALOGUE if table.may_be_empty]
    assert empty == ["silver.tombstones", "silver.quarantine", "silver.corrections"]


@pytest.mark.parametrize(
    ("table", "command"),
    [
        (BRONZE_EVENTS, "lakehouse run --select bronze"),
        (GOLD_POWERBI, "lakehouse run --select gold"),
        (GOLD_TRIALS, "spark-submit gold/evaluate.py --tune"),
        (QUALITY_RESULTS, "lakehouse check"),
        (OPS_RUNS, "lakehouse run"),
    ],
)
def test_the_error_for_a_missing_table_names_what_makes_it(table: Table, command: str) -> None:
    assert str(table.missing("/r")) == f"table {table.sql_name} does not exist under /r; make it with: {command}"


def test_a_column_without_a_description_has_no_comment() -> None:
    table = Table("x", "y", StructType([required("a", STRING, "the a"), optional("b", STRING)]), ("a",))
    assert table.descriptions == {"a": "the a", "b": ""}
    assert table.schema["b"].metadata == {}


@pytest.mark.parametrize("table", layer_tables("gold"), ids=lambda table: table.sql_name)
def test_gold_stays_readable_for_simple_readers(table: Table) -> None:
    """All but the table that only this project reads."""
    if table is GOLD_AFFINITY:
        assert table.export is None
        return
    raising = [name for name in table.delta_properties if name.startswith(RAISES_READER_VERSION)]
    assert raising == []
    assert "TimestampNTZ" not in table.schema.json()  # a type that raises it too
    assert "variant" not in table.schema.json()


@pytest.mark.parametrize("table", layer_tables("bronze"), ids=lambda table: table.sql_name)
def test_bronze_is_append_only(table: Table) -> None:
    assert table.delta_properties["delta.appendOnly"] == "true"


@pytest.mark.parametrize("table", layer_tables("silver"), ids=lambda table: table.sql_name)
def test_silver_publishes_its_changes(table: Table) -> None:
    assert table.delta_properties["delta.enableChangeDataFeed"] == "true"


def test_constraints_are_properties_so_that_one_commit_makes_the_table() -> None:
    table = Table("x", "y", StructType([]), (), {"positive": "a > 0"}, {"delta.appendOnly": "true"})
    assert table.delta_properties == {
        "delta.appendOnly": "true",
        "delta.constraints.positive": "a > 0",
        "delta.enableExpiredLogCleanup": "false",
    }


def test_the_export_has_exactly_these_columns_in_this_order() -> None:
    assert GOLD_POWERBI.columns == ["userId", "recommended_content", "titulo", "predicted_rating"]


@pytest.mark.parametrize("name", ["silver.users", "SILVER.Users"])
def test_a_table_is_found_by_its_name(name: str) -> None:
    assert find_table(name).sql_name == "silver.users"


@pytest.mark.parametrize(
    ("wrong", "hint"),
    [
        ("silver.user", "did you mean silver.users?"),
        ("users", "did you mean silver.users?"),
        ("gold.recomendations", "did you mean gold.recommendations?"),
        ("bronze.evnts", "did you mean bronze.events?"),
        ("zzz", f"tables: {', '.join(names(CATALOGUE))}"),
        ("", f"tables: {', '.join(names(CATALOGUE))}"),
    ],
)
def test_the_error_for_a_wrong_name_suggests_the_nearest(wrong: str, hint: str) -> None:
    with pytest.raises(TableError) as error:
        find_table(wrong)
    assert str(error.value) == f"no table {wrong!r} in this lakehouse; {hint}"
