"""The project's own expectations on a few rows each: pandas and Spark see the same."""

from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import great_expectations as gx
import pandas as pd
import pyarrow as pa
import pytest
from deltalake import write_deltalake
from pyspark.sql import SparkSession
from pyspark.sql import functions as F

from lakehouse.arrow import plain_strings
from lakehouse.tables import SILVER_USERS
from quality import expectations as own
from quality import validation
from quality.batches import pandas_rows
from quality.distance import MOST_VALUES, OTHERS

MONDAY = datetime(2026, 3, 2, tzinfo=UTC)
TUESDAY = datetime(2026, 3, 3, tzinfo=UTC)
LISTS = "user_id string, rank int, rating double"
BATCHES = "query_id string, batch_id bigint, rows_in bigint, quarantined bigint, finished_at timestamp"


def measured(spark: SparkSession, schema: str, rows: list[tuple[Any, ...]], expectation: Any) -> dict[str, Any]:
    """What the expectation measures, the same on both engines, which write structs and times in different ways."""
    frame = spark.createDataFrame(rows, schema).withColumn("id", F.lit("key"))  # rows that fail are named by it
    found = []
    for batch in (pandas_rows(plain_strings(frame.toArrow())), frame):
        suite = gx.ExpectationSuite(name="s", expectations=[expectation])
        result = validation.validate(batch, suite, SILVER_USERS, samples=20).results[0].to_json_dict()
        assert not result["exception_info"].get("raised_exception", True), result["exception_info"]
        details = result["result"]
        shown = sorted(map(str, details.get("partial_unexpected_list", [])))
        names = ("observed_value", "unexpected_count", "element_count", "missing_count", "details")
        found.append(
            {"success": result["success"], "shown": shown} | {n: details[n] for n in names if n in details}
        )
    shown, also_shown = (one.pop("shown") for one in found)
    assert (found[0], len(shown)) == (found[1], len(also_shown))
    return found[0] | {"shown": shown}


# expectation, the columns, rows with the reason why each is there, and how many of them fail
MAPPED: list[tuple[Any, str, list[tuple[Any, ...]], int]] = [
    (
        own.ExpectColumnItemsToMatchRegex(column="c", regex="^[0-9]+$"),
        "c array<string>",
        [
            (["1", "22"],),
            ([],),
            (None,),
            (["1", "x"],),
            (["1", None],),
        ],  # right, nothing to match twice, wrong, null
        2,
    ),
    (
        own.ExpectColumnItemsToMatchRegex(column="c", regex=".", field="rule"),
        "c array<struct<rule: string>>",
        [([("a",)],), ([("",)],), ([("a",), (None,)],)],  # named, blank, null
        2,
    ),
    (
        own.ExpectColumnItemCountsToBeAtLeast(column="c", min_value=2),
        "c array<string>",
        [(["a", "b"],), (["a"],), ([],), (None,)],  # enough, too few twice, not judged
        2,
    ),
    (
        own.ExpectRowsToMeetCondition(column_list=["a", "b"], condition="a == b + 1"),
        "a int, b int",
        [(2, 1), (2, 2), (None, 1)],  # true, false, and null, which is not true
        2,
    ),
    (
        own.ExpectColumnPairDateToBeWithinDaysAfter(column_A="d", column_B="t", days=1),
        "d date, t timestamp",
        [
            (date(2026, 3, 3), MONDAY),
            (date(2026, 3, 4), MONDAY),  # two days later
            (date(2999, 1, 1), MONDAY),  # beyond what nanoseconds can count
            (None, MONDAY),
        ],
        2,
    ),
    (
        own.ExpectRanksToCountFromOne(column_list=["user_id", "rank"]),
        LISTS,
        [("u", 2, 1.0), ("u", 1, 1.0), ("v", 1, 1.0), ("v", 3, 1.0), ("w", 2, 1.0)],  # v skips 2, w begins at 2
        2,
    ),
    (
        own.ExpectRanksToCountFromOne(column_list=["user_id", "rank"]),
        LISTS,
        [("u", 1, 1.0), ("u", 1, 1.0), ("u", 2, 1.0)],  # one of the two is in the second place, 2 in the third
        2,
    ),
    (
        own.ExpectValuesToFallWithRank(column_list=["user_id", "rank", "rating"]),
        LISTS,
        [("u", 3, 2.0), ("u", 1, 3.0), ("u", 2, 3.0), ("v", 1, 1.0), ("v", 2, 1.5)],  # equal is not rising
        1,
    ),
]


@pytest.mark.parametrize(("expectation", "schema", "rows", "fail"), MAPPED, ids=lambda value: type(value).__name__)
def test_rows_that_fail_are_found(
    spark: SparkSession, expectation: Any, schema: str, rows: list[tuple[Any, ...]], fail: int
) -> None:
    assert measured(spark, schema, rows, expectation)["unexpected_count"] == fail


def test_columns_and_types_are_compared_as_delta_writes_them(spark: SparkSession) -> None:
    schema = "a int, b array<string>, c map<string, double>, d timestamp, e struct<f: int>"
    rows = [(None, None, None, MONDAY, None)]
    types = {
        "a": "int",
        "b": "array<string>",
        "c": "map<string,double>",
        "d": "timestamp",
        "e": "struct<f:int>",
        "id": "string",
    }
    assert measured(spark, schema, rows, own.ExpectTableTypesToEqual(types=types))["success"]
    other = {name: kind for name, kind in types.items() if name != "c"} | {"a": "bigint", "g": "int"}
    wrong = measured(spark, schema, rows, own.ExpectTableTypesToEqual(types=other))
    assert (wrong["success"], wrong["observed_value"]) == (
        False,
        "unexpected column c; no column g; column a is int instead of bigint",
    )


def test_the_types_of_any_pandas_rows_are_those_that_arrow_takes_them_for() -> None:
    suite = gx.ExpectationSuite(
        name="s", expectations=[own.ExpectTableTypesToEqual(types={"a": "bigint", "b": "string"})]
    )
    assert validation.validate(pd.DataFrame({"a": [1], "b": ["x"]}), suite, SILVER_USERS, samples=1).success


def test_ids_that_another_table_lacks_are_found(spark: SparkSession, tmp_path: Path) -> None:
    users = pa.table({"id": ["u", "u", "v"]})  # an id twice: no row may count twice because of it
    write_deltalake(tmp_path / "silver" / "users", users)
    write_deltalake(tmp_path / "silver" / "users", pa.table({"id": ["x"]}), mode="append")
    rows = [("u",), ("v",), ("x",), (None,)]

    def references(version: int, mostly: float) -> dict[str, Any]:
        expectation = own.ExpectRowsToBeInTable(
            columns=["user_id"],
            root=str(tmp_path),
            reference="silver.users",
            keys=["id"],
            at_version=version,
            mostly=mostly,
        )
        return measured(spark, "user_id string", rows, expectation)

    latest, before = references(1, 1.0), references(0, 0.5)
    assert (latest["success"], latest["unexpected_count"], latest["shown"]) == (False, 1, ["{'user_id': None}"])
    assert (before["success"], before["unexpected_count"]) == (True, 2)
    assert not references(0, 0.51)["success"]


def test_a_user_who_has_seen_everything_needs_no_list(spark: SparkSession, tmp_path: Path) -> None:
    tables = {
        "users": {"id": ["listed", "seen it all", "forgotten"]},
        "content": {"id": ["m", "s"]},
        "feedback": {
            "user_id": ["seen it all", "seen it all", "seen it all", "forgotten", "forgotten"],
            "content_id": ["m", "m", "s", "m", "gone"],
        },
    }
    for name, columns in tables.items():
        write_deltalake(tmp_path / "silver" / name, pa.table(columns))
    expectation = own.ExpectEveryUserToHaveRecommendations(
        root=str(tmp_path), versions=dict.fromkeys(["silver.users", "silver.content", "silver.feedback"])
    )
    found = measured(spark, "user_id string", [("listed",)], expectation)
    assert (found["success"], found["shown"]) == (False, ["{'user_id': 'forgotten'}"])


def test_a_drift_is_measured_and_the_rare_values_count_together(spark: SparkSession) -> None:
    many = [([f"g{number:03}", "Drama"],) for number in range(MOST_VALUES + 10)]
    rows = [*many, ([],), (None,)]
    before = {"values": ["Drama"], "weights": [1.0]}
    expectation = own.ExpectColumnJensenShannonDistanceToBeAtMost(
        column="c", threshold=0.1, partition_object=before
    )
    found = measured(spark, "c array<string>", rows, expectation)
    shares = found["details"]["shares"]
    assert (found["success"], len(shares)) == (False, MOST_VALUES + 1)
    assert shares["Drama"] == 0.5
    assert shares[OTHERS] == pytest.approx(11 / 220)


@pytest.mark.parametrize(
    ("rows", "before", "observed"),
    [
        ([(4.0,)] * 3, {"4.0": 1.0}, 0.0),  # numbers have the same names on both engines
        ([(4.0,)] * 3, {"1.0": 1.0}, 1.0),
        ([(4.0,)] * 3, None, "no earlier run to compare with"),
        ([(4.0,)] * 2, {"1.0": 1.0}, "2 values, too few to judge"),
        ([(None,)] * 3, {"1.0": 1.0}, None),
    ],
)
def test_a_distribution_is_compared_with_the_one_before(
    spark: SparkSession, rows: list[tuple[Any, ...]], before: dict[str, float] | None, observed: Any
) -> None:
    partition = {"values": list(before), "weights": list(before.values())} if before else None
    expectation = own.ExpectColumnJensenShannonDistanceToBeAtMost(
        column="c", threshold=0.1, partition_object=partition, min_values=3
    )
    assert measured(spark, "c double", rows, expectation)["observed_value"] == observed


def batches(*rows: tuple[int, int, int, datetime]) -> list[tuple[Any, ...]]:
    return [("q", *row) for row in rows]


@pytest.mark.parametrize(
    ("since", "share"), [(MONDAY, 0.2), (None, 0.9), (TUESDAY, "fewer than 100 rows since then")]
)
def test_the_worst_batch_since_a_moment_counts(
    spark: SparkSession, since: datetime | None, share: float | str
) -> None:
    rows = batches((0, 100, 90, MONDAY), (1, 100, 20, TUESDAY), (2, 200, 10, TUESDAY))
    expectation = own.ExpectLargestRejectedShareToBeAtMost(
        max_value=0.1, min_rows=100, since=since.isoformat() if since else None
    )
    found = measured(spark, BATCHES, rows, expectation)
    assert (found["observed_value"], found["success"]) == (share, isinstance(share, str))


def test_small_batches_count_together(spark: SparkSession) -> None:
    """One bad record of two is not a finding; half of a hundred small batches is."""
    small = batches(*[(number, 2, 1, MONDAY) for number in range(50)])
    expectation = own.ExpectLargestRejectedShareToBeAtMost(max_value=0.1, min_rows=100)
    assert measured(spark, BATCHES, small, expectation)["observed_value"] == 0.5
    assert measured(spark, BATCHES, small[:9], expectation)["observed_value"] == "fewer than 100 rows since then"
