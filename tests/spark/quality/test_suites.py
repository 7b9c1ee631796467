"""Each expectation can fail: a planted fault in good rows breaks it, and only those it should."""

from collections.abc import Callable

import pytest
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from lakehouse.tables import (
    GOLD_AFFINITY,
    GOLD_METRICS,
    GOLD_POPULARITY,
    GOLD_POWERBI,
    GOLD_RECOMMENDATIONS,
    SILVER_BATCHES,
    SILVER_CONTENT,
    SILVER_FEEDBACK,
    SILVER_QUARANTINE,
    SILVER_TOMBSTONES,
    SILVER_USERS,
    Table,
    layer_tables,
)
from quality.results import Checked
from quality.silver_suites import DECADE
from quality.suites import has_suite

Change = Callable[[DataFrame], DataFrame]
Check = Callable[[Table, Change], Checked]


def put(column: str, value: str, where: str = "true") -> Change:
    """The rows with another value, a SQL expression, where the condition holds."""

    def change(rows: DataFrame) -> DataFrame:
        kind = rows.schema[column].dataType
        changed = F.when(F.expr(where), F.expr(value).cast(kind)).otherwise(F.col(column))
        return rows.withColumn(column, changed)

    return change


def doubled(rows: DataFrame) -> DataFrame:
    return rows.unionAll(rows.limit(1))


def most_gone(rows: DataFrame) -> DataFrame:
    """Keep a third of the rows, fewer than half of those before."""
    return rows.limit(rows.count() // 3)


def with_another_column(rows: DataFrame) -> DataFrame:
    return rows.withColumn("surprise", F.lit(1))


def without_a_user(rows: DataFrame) -> DataFrame:
    return rows.filter(rows.user_id != rows.agg(F.min("user_id")).collect()[0][0])


def rejected_batch(rows: DataFrame) -> DataFrame:
    """A batch that is entirely quarantined, later than the last accepted version."""
    none = {name: F.lit(0).cast("bigint") for name in ("applied", "superseded", "deleted")}
    return rows.withColumns(
        {**none, "quarantined": F.col("rows_in"), "finished_at": F.current_timestamp() + F.expr("INTERVAL 1 DAY")}
    )


def worst_first(rows: DataFrame) -> DataFrame:
    return rows.withColumn("predicted_rating", F.least(F.lit(5.0), 1.0 + F.col("rank") * 0.1))


# table, planted fault, and exactly the expectations that it makes fail
FAULTS: list[tuple[Table, Change, set[str]]] = [
    (SILVER_USERS, doubled, {"id is unique"}),
    (SILVER_USERS, most_gone, {"row count"}),
    (SILVER_USERS, with_another_column, {"columns and types of the contract"}),
    (SILVER_USERS, put("generos", "NULL", "id < 'u000005'"), {"generos is not null"}),
    (SILVER_USERS, put("nombre_usuario", "'  '", "id < 'u000005'"), {"nombre_usuario is not blank"}),
    (SILVER_USERS, put("clasificacion", "'74 min'"), {"clasificacion is one of the known values"}),
    (SILVER_USERS, put("decadas_favoritas", "array('ochenta')"), {"decadas_favoritas are decades"}),
    (
        SILVER_USERS,
        put("fecha_suscripcion", "DATE '2999-01-01'"),
        {"fecha_suscripcion is no later than its event"},
    ),
    (
        SILVER_USERS,
        put("event_timestamp", "TIMESTAMP '1969-12-31'"),
        {"event_timestamp is since 1970", "fecha_suscripcion is no later than its event"},
    ),
    (SILVER_USERS, put("topic", "''"), {"offset tells a Kafka record"}),
    (SILVER_CONTENT, put("id", "' '", "id = 'm000001'"), {"constraint id_not_blank"}),
    (SILVER_CONTENT, put("type", "'podcast'", "id = 'm000001'"), {"constraint type_known"}),
    (SILVER_CONTENT, put("titulo", "''", "type = 'movie'"), {"titulo is not blank"}),
    (
        SILVER_CONTENT,
        put("decada_lanzamiento", "'1991'", "type = 'movie'"),
        {f"decada_lanzamiento matches {DECADE}"},
    ),
    (
        SILVER_CONTENT,
        put("numero_temporadas", "2", "type = 'movie'"),
        {"numero_temporadas is there for series only"},
    ),
    (
        SILVER_CONTENT,
        put("numero_episodios", "1", "type = 'series'"),
        {"numero_episodios is no less than numero_temporadas"},
    ),
    (SILVER_CONTENT, put("generos", "array('Drama')"), {"generos is distributed as before"}),
    (SILVER_FEEDBACK, doubled, {"id is unique"}),
    (SILVER_FEEDBACK, put("action", "'aplauso'", "action = 'like'"), {"constraint action_known"}),
    (
        SILVER_FEEDBACK,
        put("rating", "9.5", "action = 'rating' AND id < 'f7-0000020'"),
        {"constraint rating_in_range"},
    ),
    (
        SILVER_FEEDBACK,
        put("rating", "4.0", "action = 'like' AND id < 'f7-0000050'"),
        {"rating is there for ratings and only there"},
    ),
    (SILVER_FEEDBACK, put("rating", "5.0", "action = 'rating'"), {"rating is distributed as before"}),
    (SILVER_FEEDBACK, put("seconds_watched", "-1", "action = 'view'"), {"constraint seconds_not_negative"}),
    (
        SILVER_FEEDBACK,
        put("seconds_watched", "NULL", "action = 'view' AND id < 'f7-0000100'"),
        {"seconds_watched is there for views and only there"},
    ),
    (SILVER_FEEDBACK, put("user_id", "concat('x', user_id)"), {"user_id is mostly in silver.users"}),
    (SILVER_FEEDBACK, put("content_id", "concat('x', content_id)"), {"content_id is mostly in silver.content"}),
    (SILVER_TOMBSTONES, lambda rows: rows, set()),
    (SILVER_QUARANTINE, put("reasons", "array()"), {"constraint has_reason"}),
    (SILVER_QUARANTINE, put("status", "'resolved'"), {"resolved_at is there once resolved"}),
    (SILVER_BATCHES, put("quarantined", "rows_in"), {"constraint adds_up"}),
    (SILVER_BATCHES, rejected_batch, {"quarantined largest share of a batch since the last accepted version"}),
    (SILVER_BATCHES, put("rows_in", "0"), {"constraint adds_up", "rows_in is above 0"}),
    (GOLD_AFFINITY, doubled, {"user_id, content_id is unique"}),
    (GOLD_AFFINITY, put("rating", "5.5"), {"constraint rating_in_range"}),
    (
        GOLD_AFFINITY,
        put("user_id", "'nobody'", "content_id = 'm000001'"),
        {"user_id is in silver.users", "user_id, content_id is unique"},
    ),
    (GOLD_RECOMMENDATIONS, doubled, {"user_id, content_id is unique", "rank counts 1, 2, 3 in each list"}),
    (GOLD_RECOMMENDATIONS, without_a_user, {"user_id every user has recommendations"}),
    (GOLD_RECOMMENDATIONS, put("content_id", "'gone'", "rank = 1"), {"content_id is in silver.content"}),
    (
        GOLD_RECOMMENDATIONS,
        put("user_id", "concat('x', user_id)"),
        {"user_id is in silver.users", "user_id every user has recommendations"},
    ),
    (GOLD_RECOMMENDATIONS, put("model_version", "'als-unknown'"), {"model_version is in gold.model_metrics"}),
    (GOLD_RECOMMENDATIONS, put("rank", "rank + 1"), {"rank counts 1, 2, 3 in each list"}),
    (GOLD_RECOMMENDATIONS, worst_first, {"predicted_rating does not rise with rank"}),
    (GOLD_RECOMMENDATIONS, put("source", "'guess'"), {"constraint source_known"}),
    (GOLD_POPULARITY, put("views", "-1", "views = 0 AND ratings > 1"), {"views is not negative"}),
    (GOLD_POPULARITY, put("views", "0", "views = 1 AND likes + dislikes + ratings = 0"), {"day has feedback"}),
    (GOLD_POPULARITY, put("mean_rating", "7.0", "ratings > 0"), {"mean_rating is between 0.5 and 5.0"}),
    (GOLD_POPULARITY, put("mean_rating", "3.0"), {"mean_rating is there where there are ratings"}),
    (GOLD_METRICS, put("value", "double('NaN')"), {"value is a finite number"}),
    (GOLD_METRICS, doubled, {f"{', '.join(GOLD_METRICS.key)} is unique"}),
    (GOLD_POWERBI, put("titulo", "''"), {"titulo is not blank"}),
    (GOLD_POWERBI, put("predicted_rating", "0.1"), {"predicted_rating is between 0.5 and 5.0"}),
    (
        GOLD_POWERBI,
        put("recommended_content", "'never recommended'"),
        {"userId is in gold.recommendations", "userId, recommended_content is unique"},
    ),
]


@pytest.fixture(scope="module")
def verdicts(check_changed: Callable[[list[tuple[Table, Change]]], list[Checked]]) -> list[Checked]:
    """All planted faults at once: the queries run in parallel."""
    return check_changed([(table, change) for table, change, _ in FAULTS])


@pytest.mark.parametrize(
    "place", range(len(FAULTS)), ids=[f"{table.sql_name} {sorted(fails)}" for table, _, fails in FAULTS]
)
def test_a_planted_fault_fails_the_right_expectation(verdicts: list[Checked], place: int) -> None:
    checked = verdicts[place]
    assert [result.line() for result in checked.errors] == []
    assert {f"{result.column} {result.expectation}".strip() for result in checked.failed} == FAULTS[place][2]


def test_every_table_of_silver_and_gold_has_faults_that_its_suite_finds() -> None:
    tested = {table.sql_name for table, _, _ in FAULTS}
    assert tested == {
        table.sql_name for layer in ("silver", "gold") for table in layer_tables(layer) if has_suite(table)
    }


# table, change, and the reason why its rows cannot be judged
UNCHECKABLE: list[tuple[Table, Change, str]] = [
    (SILVER_USERS, lambda rows: rows.limit(0), "the table is empty"),
    (
        SILVER_CONTENT,
        put("clasificacion", "NULL"),
        "clasificacion is one of the known values: no value in any row",
    ),
    (SILVER_CONTENT, put("generos", "array()"), "generos is distributed as before: no value in any row"),
    (SILVER_USERS, lambda rows: rows.drop("clasificacion"), "no column clasificacion"),
    (
        SILVER_FEEDBACK,
        lambda rows: rows.withColumn("rating", F.lit("many")),
        "can be checked: [CAST_INVALID_INPUT]",
    ),
]


def test_what_cannot_be_checked_is_an_error_and_never_a_pass(
    check_changed: Callable[[list[tuple[Table, Change]]], list[Checked]],
) -> None:
    found = check_changed([(table, change) for table, change, _ in UNCHECKABLE])
    for checked, (_, _, reason) in zip(found, UNCHECKABLE, strict=True):
        assert not checked.success
        assert any(reason in result.line() for result in checked.errors), [one.line() for one in checked.errors]


def test_an_empty_table_passes_only_where_the_settings_allow_it(
    check_changed: Callable[[list[tuple[Table, Change]]], list[Checked]],
) -> None:
    (checked,) = check_changed([(SILVER_QUARANTINE, lambda rows: rows.limit(0))])
    assert [(result.success, result.observed, result.expected) for result in checked.results] == [
        (True, "0", "may be empty")
    ]
