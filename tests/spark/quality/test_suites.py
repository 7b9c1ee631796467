"""Each expectation can fail: a planted fault in good rows breaks it, and only those it should."""

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
from quality.results import CheckedTable, ExpectationResult
from quality.suites import has_suite
from tests.spark.conftest import Change, CheckChanged, Engine


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


OUTCOMES = ("applied", "superseded", "deleted", "quarantined")


def with_another_column(rows: DataFrame) -> DataFrame:
    return rows.withColumn("surprise", F.lit(1))


def without_a_user(rows: DataFrame) -> DataFrame:
    return rows.filter(rows.user_id != rows.agg(F.min("user_id")).collect()[0][0])


def rejected_batch(rows: DataFrame) -> DataFrame:
    """A batch that is entirely quarantined, later than the last accepted version."""
    none = {name: F.lit(0).cast("bigint") for name in OUTCOMES[:3]}
    return rows.withColumns(
        {**none, "quarantined": F.col("rows_in"), "finished_at": F.current_timestamp() + F.expr("INTERVAL 1 DAY")}
    )


def with_an_empty_batch(rows: DataFrame) -> DataFrame:
    """What silver records after maintenance of bronze: a commit without records."""
    none = {name: F.lit(0).cast("bigint") for name in (*OUTCOMES, "rows_in")}
    return rows.unionByName(rows.limit(1).withColumns({**none, "batch_id": F.col("batch_id") + 1_000}))


def worst_first(rows: DataFrame) -> DataFrame:
    return rows.withColumn("predicted_rating", F.least(F.lit(5.0), 1.0 + F.col("rank") * 0.1))


ADDS_UP = "rows_in, applied, superseded, deleted, quarantined expect_rows_to_meet_condition"

# table, planted fault, and exactly the expectations that it makes fail
FAULTS: list[tuple[Table, Change, set[str]]] = [
    (SILVER_USERS, doubled, {"id expect_column_values_to_be_unique"}),
    (SILVER_USERS, most_gone, {"expect_table_row_count_to_be_between"}),
    (SILVER_USERS, with_another_column, {"expect_table_types_to_equal"}),
    (SILVER_USERS, put("generos", "NULL", "id < 'u000005'"), {"generos expect_column_values_to_not_be_null"}),
    (
        SILVER_USERS,
        put("nombre_usuario", "'  '", "id < 'u000005'"),
        {"nombre_usuario expect_column_values_to_match_regex"},
    ),
    (SILVER_USERS, put("clasificacion", "'74 min'"), {"clasificacion expect_column_values_to_be_in_set"}),
    (
        SILVER_USERS,
        put("decadas_favoritas", "array('ochenta')"),
        {"decadas_favoritas expect_column_items_to_match_regex"},
    ),
    (
        SILVER_USERS,
        put("fecha_suscripcion", "DATE '2999-01-01'"),
        {"fecha_suscripcion, event_timestamp expect_column_pair_date_to_be_within_days_after"},
    ),
    (
        SILVER_USERS,
        put("event_timestamp", "TIMESTAMP '1969-12-31'"),
        {
            "event_timestamp expect_column_values_to_be_between",
            "fecha_suscripcion, event_timestamp expect_column_pair_date_to_be_within_days_after",
        },
    ),
    (SILVER_USERS, put("topic", "''"), {"topic expect_column_values_to_match_regex"}),
    (SILVER_CONTENT, put("id", "' '", "id = 'm000001'"), {"id expect_column_values_to_match_regex"}),
    (SILVER_CONTENT, put("type", "'podcast'", "id = 'm000001'"), {"type expect_column_values_to_be_in_set"}),
    (SILVER_CONTENT, put("titulo", "''", "type = 'movie'"), {"titulo expect_column_values_to_match_regex"}),
    (
        SILVER_CONTENT,
        put("decada_lanzamiento", "'1991'", "type = 'movie'"),
        {"decada_lanzamiento expect_column_values_to_match_regex"},
    ),
    (
        SILVER_CONTENT,
        put("numero_temporadas", "2", "type = 'movie'"),
        {"numero_temporadas expect_column_values_to_be_null where type != series"},
    ),
    (
        SILVER_CONTENT,
        put("numero_episodios", "1", "type = 'series'"),
        {"numero_episodios, numero_temporadas expect_column_pair_values_a_to_be_greater_than_b"},
    ),
    (
        SILVER_CONTENT,
        put("generos", "array('Drama')"),
        {"generos expect_column_jensen_shannon_distance_to_be_at_most"},
    ),
    (SILVER_FEEDBACK, doubled, {"id expect_column_values_to_be_unique"}),
    (SILVER_FEEDBACK, put("action", "'aplauso'", "action = 'like'"), {"action expect_column_values_to_be_in_set"}),
    (
        SILVER_FEEDBACK,
        put("rating", "9.5", "action = 'rating' AND id < 'f7-0000020'"),
        {"rating expect_column_values_to_be_between"},
    ),
    (
        SILVER_FEEDBACK,
        put("rating", "4.0", "action = 'like' AND id < 'f7-0000050'"),
        {"rating expect_column_values_to_be_null where action != rating"},
    ),
    (
        SILVER_FEEDBACK,
        put("rating", "5.0", "action = 'rating'"),
        {"rating expect_column_jensen_shannon_distance_to_be_at_most"},
    ),
    (
        SILVER_FEEDBACK,
        put("seconds_watched", "-1", "action = 'view'"),
        {"seconds_watched expect_column_values_to_be_between"},
    ),
    (
        SILVER_FEEDBACK,
        put("seconds_watched", "NULL", "action = 'view' AND id < 'f7-0000100'"),
        {"seconds_watched expect_column_values_to_not_be_null where action == view"},
    ),
    (SILVER_FEEDBACK, put("user_id", "concat('x', user_id)"), {"user_id expect_rows_to_be_in_table"}),
    (SILVER_FEEDBACK, put("content_id", "concat('x', content_id)"), {"content_id expect_rows_to_be_in_table"}),
    (SILVER_TOMBSTONES, lambda rows: rows, set()),
    (SILVER_QUARANTINE, put("reasons", "array()"), {"reasons expect_column_item_counts_to_be_at_least"}),
    (
        SILVER_QUARANTINE,
        put("status", "'resolved'"),
        {"resolved_at expect_column_values_to_not_be_null where status == resolved"},
    ),
    (SILVER_BATCHES, put("quarantined", "rows_in"), {ADDS_UP}),
    (SILVER_BATCHES, rejected_batch, {"expect_largest_rejected_share_to_be_at_most"}),
    (SILVER_BATCHES, put("rows_in", "-1"), {ADDS_UP, "rows_in expect_column_values_to_be_between"}),
    (SILVER_BATCHES, with_an_empty_batch, set()),
    (GOLD_AFFINITY, doubled, {"user_id, content_id expect_compound_columns_to_be_unique"}),
    (GOLD_AFFINITY, put("rating", "5.5"), {"rating expect_column_values_to_be_between"}),
    (
        GOLD_AFFINITY,
        put("user_id", "'nobody'", "content_id = 'm000001'"),
        {"user_id expect_rows_to_be_in_table", "user_id, content_id expect_compound_columns_to_be_unique"},
    ),
    (
        GOLD_RECOMMENDATIONS,
        doubled,
        {
            "user_id, content_id expect_compound_columns_to_be_unique",
            "user_id, rank expect_ranks_to_count_from_one",
        },
    ),
    (GOLD_RECOMMENDATIONS, without_a_user, {"expect_every_user_to_have_recommendations"}),
    (GOLD_RECOMMENDATIONS, put("content_id", "'gone'", "rank = 1"), {"content_id expect_rows_to_be_in_table"}),
    (
        GOLD_RECOMMENDATIONS,
        put("user_id", "concat('x', user_id)"),
        {"user_id expect_rows_to_be_in_table", "expect_every_user_to_have_recommendations"},
    ),
    (GOLD_RECOMMENDATIONS, put("model_version", "'als-unknown'"), {"model_version expect_rows_to_be_in_table"}),
    (GOLD_RECOMMENDATIONS, put("rank", "rank + 1"), {"user_id, rank expect_ranks_to_count_from_one"}),
    (GOLD_RECOMMENDATIONS, worst_first, {"user_id, rank, predicted_rating expect_values_to_fall_with_rank"}),
    (GOLD_RECOMMENDATIONS, put("source", "'guess'"), {"source expect_column_values_to_be_in_set"}),
    (
        GOLD_POPULARITY,
        put("views", "-1", "views = 0 AND ratings > 1"),
        {"views expect_column_values_to_be_between"},
    ),
    (
        GOLD_POPULARITY,
        put("views", "0", "views = 1 AND likes + dislikes + ratings = 0"),
        {"views, likes, dislikes, ratings expect_rows_to_meet_condition"},
    ),
    (
        GOLD_POPULARITY,
        put("mean_rating", "7.0", "ratings > 0"),
        {"mean_rating expect_column_values_to_be_between"},
    ),
    (
        GOLD_POPULARITY,
        put("mean_rating", "3.0"),
        {"mean_rating expect_column_values_to_be_null where ratings <= 0"},
    ),
    (GOLD_METRICS, put("value", "double('NaN')"), {"value expect_column_values_to_be_between"}),
    (GOLD_METRICS, doubled, {f"{', '.join(GOLD_METRICS.key)} expect_compound_columns_to_be_unique"}),
    (GOLD_POWERBI, put("titulo", "''"), {"titulo expect_column_values_to_match_regex"}),
    (GOLD_POWERBI, put("predicted_rating", "0.1"), {"predicted_rating expect_column_values_to_be_between"}),
    (
        GOLD_POWERBI,
        put("recommended_content", "'never recommended'"),
        {
            "userId, recommended_content expect_rows_to_be_in_table",
            "userId, recommended_content expect_compound_columns_to_be_unique",
        },
    ),
]


@pytest.mark.parametrize(
    ("table", "change", "fails"), FAULTS, ids=[f"{table.sql_name} {sorted(fails)}" for table, _, fails in FAULTS]
)
def test_a_planted_fault_fails_the_right_expectation_on_both_engines(
    check_changed: CheckChanged, table: Table, change: Change, fails: set[str]
) -> None:
    found = check_changed(table, change, "pandas")
    assert [result.line() for result in found.errors] == []
    assert {f"{result.column} {result.expectation}".strip() for result in found.failed} == fails
    assert results_of(check_changed(table, change, "spark")) == results_of(found)


def results_of(checked: CheckedTable) -> list[ExpectationResult]:
    """The results without what a floating point sum in another order changes."""
    return [
        result._replace(
            shares=result.shares and {value: round(share, 9) for value, share in result.shares.items()}
        )
        for result in checked.results
        if "version_to_be_recent" not in result.expectation
    ]


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
        "clasificacion expect_column_values_to_be_in_set: no value in any row",
    ),
    (
        SILVER_CONTENT,
        put("generos", "array()"),
        "generos expect_column_jensen_shannon_distance_to_be_at_most: no value in any row",
    ),
    (SILVER_USERS, lambda rows: rows.drop("clasificacion"), "no column clasificacion"),
    (
        SILVER_FEEDBACK,
        lambda rows: rows.withColumn("rating", F.lit("many")),
        "rating expect_column_values_to_be_between: Great Expectations could not judge it: ",
    ),
]


@pytest.mark.parametrize("engine", ["pandas", "spark"])
@pytest.mark.parametrize(
    ("table", "change", "reason"), UNCHECKABLE, ids=[reason.split(":")[0] for _, _, reason in UNCHECKABLE]
)
def test_what_cannot_be_checked_is_an_error_and_never_a_pass(
    check_changed: CheckChanged, table: Table, change: Change, reason: str, engine: Engine
) -> None:
    checked = check_changed(table, change, engine)
    assert not checked.success
    assert any(reason in result.line() for result in checked.errors), [one.line() for one in checked.errors]


def test_an_empty_table_passes_only_where_the_settings_allow_it(check_changed: CheckChanged) -> None:
    checked = check_changed(SILVER_QUARANTINE, lambda rows: rows.limit(0), "pandas")
    assert [(result.success, result.observed, result.expected) for result in checked.results] == [
        (True, "0", "may be empty")
    ]
