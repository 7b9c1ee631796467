"""The ranges and keys of silver are Delta constraints: a row that breaks one is refused, whoever writes it."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from py4j.protocol import Py4JJavaError
from pyspark.errors import PySparkException
from pyspark.sql import SparkSession
from pyspark.sql import functions as F

from lakehouse.errors import TableError
from lakehouse.spark.lakehouse import SparkLakehouse
from lakehouse.tables import (
    SILVER_BATCHES,
    SILVER_CONTENT,
    SILVER_CORRECTIONS,
    SILVER_FEEDBACK,
    SILVER_QUARANTINE,
    SILVER_TOMBSTONES,
    SILVER_USERS,
    Table,
    layer_tables,
)
from lakehouse.tables.declaration import DELETION_VECTORS
from tests.support.folders import AWKWARD
from tests.support.records import KAFKA_TIME, moment

AT = moment(KAFKA_TIME)
RECORD: dict[str, Any] = {"kafka_timestamp": AT, "topic": "t", "partition": 0, "offset": 0}
EVENT: dict[str, Any] = {"event_timestamp": AT, **RECORD}
TASTES: dict[str, Any] = {"generos": [], "directores": [], "actores": [], "clasificacion": None}

# A valid row for each table.
GOOD: dict[str, dict[str, Any]] = {
    "users": {
        "id": "u",
        "nombre_usuario": "n",
        "fecha_suscripcion": None,
        "decadas_favoritas": [],
        **TASTES,
        **EVENT,
    },
    "content": {
        "id": "m",
        "type": "movie",
        "titulo": "t",
        "decada_lanzamiento": None,
        "numero_temporadas": None,
        "numero_episodios": None,
        **TASTES,
        **EVENT,
    },
    "feedback": {
        "id": "f",
        "user_id": "u",
        "content_id": "m",
        "action": "like",
        "rating": None,
        "seconds_watched": None,
        **EVENT,
    },
    "tombstones": {"id": "u", **EVENT},
    "quarantine": {
        "key": None,
        "key_raw": None,
        "value": None,
        "value_raw": None,
        "type": None,
        "id": None,
        "quarantined_at": AT,
        "reasons": [("id_missing", "id", None)],
        "status": "open",
        "resolved_at": None,
        **RECORD,
    },
    "corrections": {
        "replay_id": 1,
        "replayed_at": AT,
        "cause": "rules",
        "value": None,
        "outcome": "open",
        "reasons": [("id_missing", "id", None)],
        "target": None,
        "id": None,
        "event_timestamp": None,
        **RECORD,
    },
    "batches": {
        "query_id": "q",
        "batch_id": 0,
        "rows_in": 4,
        "applied": 1,
        "superseded": 1,
        "deleted": 1,
        "quarantined": 1,
        "records": [],
        "bronze_versions": {},
        "silver_versions": {},
        "unknown_fields": [],
        "finished_at": AT,
    },
}

BAD: list[tuple[Table, dict[str, Any], str]] = [
    (SILVER_USERS, {"id": " "}, "id_not_blank"),
    (SILVER_CONTENT, {"id": ""}, "id_not_blank"),
    (SILVER_CONTENT, {"type": "user"}, "type_known"),
    (SILVER_CONTENT, {"numero_temporadas": 0}, "seasons_positive"),
    (SILVER_CONTENT, {"numero_episodios": -1}, "episodes_positive"),
    (SILVER_FEEDBACK, {"id": ""}, "id_not_blank"),
    (SILVER_FEEDBACK, {"action": "share"}, "action_known"),
    (SILVER_FEEDBACK, {"rating": 5.01}, "rating_in_range"),
    (SILVER_FEEDBACK, {"rating": float("nan")}, "rating_in_range"),
    (SILVER_FEEDBACK, {"seconds_watched": -1}, "seconds_not_negative"),
    (SILVER_TOMBSTONES, {"id": ""}, "id_not_blank"),
    (SILVER_QUARANTINE, {"status": "closed"}, "status_known"),
    (SILVER_QUARANTINE, {"reasons": []}, "has_reason"),
    (SILVER_CORRECTIONS, {"outcome": "lost"}, "outcome_known"),
    (SILVER_BATCHES, {"rows_in": 5}, "adds_up"),
]


@pytest.fixture(scope="module")
def root(spark: SparkSession, tmp_path_factory: pytest.TempPathFactory) -> str:
    root = str(tmp_path_factory.mktemp("constraints") / AWKWARD)
    for table in layer_tables("silver"):
        SparkLakehouse(root, spark).ensure(table)
    return root


def append(spark: SparkSession, root: str, table: Table, row: dict[str, Any]) -> None:
    values = [tuple(row[name] for name in table.columns)]
    frame = spark.createDataFrame(values, table.schema)
    frame.write.format("delta").mode("append").save(table.path(root))


def test_every_constraint_of_silver_has_a_case() -> None:
    declared = {(table.name, name) for table in layer_tables("silver") for name in table.checks}
    assert {(table.name, name) for table, _, name in BAD} == declared


@pytest.mark.parametrize(("table", "fault", "constraint"), BAD, ids=lambda part: getattr(part, "name", str(part)))
def test_a_row_that_breaks_a_range_is_refused(
    spark: SparkSession, root: str, table: Table, fault: dict[str, Any], constraint: str
) -> None:
    with pytest.raises((PySparkException, Py4JJavaError), match=rf"(?i)CHECK constraint {constraint}"):
        append(spark, root, table, GOOD[table.name] | fault)


def changed(table: Table, **checks: str) -> Table:
    """The table's contract in a later version of this project."""
    return replace(table, checks={**table.checks, **checks})


def constraints(spark: SparkSession, root: str, table: Table) -> dict[str, str]:
    properties = SparkLakehouse(root, spark).detail(table).properties
    found = {key: value for key, value in properties.items() if key.startswith("delta.constraints.")}
    return {key: value.replace(" ", "") for key, value in found.items()}


def test_an_existing_table_gets_the_constraints_of_a_later_contract(spark: SparkSession, tmp_path: Path) -> None:
    """A changed one, a new one, and one that somebody added, which stays."""
    root, table = str(tmp_path), SILVER_CONTENT
    lake = SparkLakehouse(root, spark)
    lake.ensure(table)
    append(spark, root, table, GOOD["content"])
    spark.sql(f"ALTER TABLE delta.`{root}/silver/content` ADD CONSTRAINT own CHECK (id <> 'nobody')")
    before = constraints(spark, root, table)
    later = changed(
        table, type_known="type IN ('movie', 'series', 'documentary')", short_title="length(titulo) < 9"
    )
    lake.ensure(later)
    wanted = {f"delta.constraints.{name}": condition.replace(" ", "") for name, condition in later.checks.items()}
    assert constraints(spark, root, later) == {**before, **wanted}
    append(spark, root, later, {**GOOD["content"], "id": "d", "type": "documentary"})
    version = lake.version(later)
    lake.ensure(later)
    assert lake.version(later) == version  # nothing more to do


def test_an_existing_table_gets_the_properties_of_a_later_contract(spark: SparkSession, tmp_path: Path) -> None:
    lake, table = SparkLakehouse(str(tmp_path), spark), SILVER_CONTENT
    lake.ensure(table)
    append(spark, lake.root, table, GOOD["content"])
    later = replace(table, properties={**table.properties, **DELETION_VECTORS})
    lake.ensure(later)
    assert later.properties.items() <= lake.detail(later).properties.items()
    assert lake.read(later).count() == 1
    version = lake.version(later)
    lake.ensure(later)
    assert lake.version(later) == version  # nothing more to do


def test_a_constraint_that_rows_violate_is_one_line_and_the_old_one_stays(
    spark: SparkSession, tmp_path: Path
) -> None:
    root, table = str(tmp_path), SILVER_CONTENT
    lake = SparkLakehouse(root, spark)
    lake.ensure(table)
    append(spark, root, table, GOOD["content"])
    with pytest.raises(TableError, match=r"silver\.content at .* check type_known .*lakehouse rebuild silver"):
        lake.ensure(changed(table, type_known="type = 'series'"))
    assert constraints(spark, root, table)["delta.constraints.type_known"] == "typeIN('movie','series')"


@pytest.mark.parametrize("table", layer_tables("silver"), ids=lambda table: table.name)
def test_a_good_row_is_taken_and_a_null_key_is_not(spark: SparkSession, root: str, table: Table) -> None:
    lake = SparkLakehouse(root, spark)
    append(spark, root, table, GOOD[table.name])
    assert lake.read(table).count() == 1
    key = table.key[-1]
    null = F.when(F.lit(False), F.col(key)).alias(key)
    good = lake.read(table)
    without_key = good.select(*[null if name == key else F.col(name) for name in table.columns])
    # a null id breaks two contracts, and Delta names one of them
    with pytest.raises((PySparkException, Py4JJavaError), match=r"NOT_NULL|NOT NULL|id_not_blank"):
        without_key.write.format("delta").mode("append").save(table.path(root))
