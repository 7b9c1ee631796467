"""Facts that one pass over a table cannot give, on a few rows each."""

from datetime import UTC, datetime
from typing import Any

from pyspark.sql import DataFrame, SparkSession

from quality import facts

MONDAY = datetime(2026, 3, 2, tzinfo=UTC)
TUESDAY = datetime(2026, 3, 3, tzinfo=UTC)


def only(frame: DataFrame) -> Any:
    """The value of a fact."""
    ((value,),) = frame.collect()
    return value


def batches(spark: SparkSession, *rows: tuple[int, int, int, datetime]) -> DataFrame:
    named = [("q", *row) for row in rows]
    return spark.createDataFrame(
        named, "query_id string, batch_id bigint, rows_in bigint, quarantined bigint, finished_at timestamp"
    )


def test_the_worst_batch_since_a_moment_counts(spark: SparkSession) -> None:
    rows = batches(
        spark,
        (0, 100, 90, MONDAY),  # already accepted
        (1, 100, 20, TUESDAY),
        (2, 200, 10, TUESDAY),
    )
    assert only(facts.rejected_share(rows, since=MONDAY, min_rows=100)) == 0.2
    assert only(facts.rejected_share(rows, since=None, min_rows=100)) == 0.9
    assert only(facts.rejected_share(rows, since=TUESDAY, min_rows=100)) is None


def test_small_batches_count_together(spark: SparkSession) -> None:
    """One bad record of two is not a finding; half of a hundred small batches is."""
    small = [(number, 2, 1, MONDAY) for number in range(50)]
    assert only(facts.rejected_share(batches(spark, *small), since=None, min_rows=100)) == 0.5
    assert only(facts.rejected_share(batches(spark, *small[:9]), since=None, min_rows=100)) is None


def test_a_user_who_has_seen_everything_needs_no_list(spark: SparkSession) -> None:
    users = spark.createDataFrame([("listed",), ("seen it all",), ("forgotten",)], "id string")
    titles = spark.createDataFrame([("m",), ("s",)], "id string")
    feedback = spark.createDataFrame(
        [
            ("seen it all", "m"),
            ("seen it all", "m"),
            ("seen it all", "s"),
            ("forgotten", "m"),
            ("forgotten", "gone"),
        ],
        "user_id string, content_id string",
    )
    lists = spark.createDataFrame([("listed", "m")], "user_id string, content_id string")
    assert only(facts.users_without_list(users, titles, feedback, lists)) == 1


def test_values_are_counted_and_the_rare_ones_together(spark: SparkSession) -> None:
    many = [([f"g{number:03}", "Drama"],) for number in range(facts.MOST_VALUES + 10)]
    rows = spark.createDataFrame([*many, ([],), (None,)], "generos array<string>")
    counted = only(facts.counts_by_value(rows, "explode(generos)"))
    assert counted["Drama"] == facts.MOST_VALUES + 10
    assert counted[facts.OTHERS] == 11
    assert len(counted) == facts.MOST_VALUES + 1


def test_repeated_keys_and_unknown_ids(spark: SparkSession) -> None:
    rows = spark.createDataFrame([("u", 1), ("u", 1), ("u", 1), ("u", 2), ("x", 1)], "user_id string, n int")
    ids = spark.createDataFrame([("u",), ("u",)], "id string")  # an id twice: no row may count twice because of it
    assert only(facts.repeated_keys(rows, ("user_id", "n"))) == 2
    assert only(facts.repeated_keys(rows.limit(0), ("user_id",))) == 0
    assert only(facts.unknown(rows, "user_id", ids)) == 1
