"""Corrections of quarantined records: fields set in JSON, given values, and which of several counts."""

from collections.abc import Sequence
from typing import Any

import pytest
from pyspark.sql import DataFrame, SparkSession

from lakehouse.errors import InputError
from lakehouse.replay_request import Assignment, assignment
from lakehouse.tables import SILVER_CORRECTIONS, SILVER_QUARANTINE
from silver.quarantine import corrections
from tests.support.records import KAFKA_TIME, moment

AT = moment(KAFKA_TIME)


def quarantined(spark: SparkSession, *rows: dict[str, Any]) -> DataFrame:
    """Open rows of silver.quarantine, with consecutive offsets."""
    common = {"topic": "t", "partition": 0, "kafka_timestamp": AT, "quarantined_at": AT, "status": "open"}
    reasons = [("titulo_missing", "titulo", None)]
    filled = [{"offset": offset, "reasons": reasons} | common | row for offset, row in enumerate(rows)]
    values = [tuple(row.get(name) for name in SILVER_QUARANTINE.columns) for row in filled]
    return spark.createDataFrame(values, SILVER_QUARANTINE.schema)


def log(spark: SparkSession, *rows: dict[str, Any]) -> DataFrame:
    """Rows of silver.corrections."""
    common = {"topic": "t", "partition": 0, "replayed_at": AT, "cause": "rules", "kafka_timestamp": AT}
    reasons = [("titulo_missing", "titulo", None)]
    filled = [{"outcome": "open", "reasons": reasons} | common | row for row in rows]
    values = [tuple(row.get(name) for name in SILVER_CORRECTIONS.columns) for row in filled]
    return spark.createDataFrame(values, SILVER_CORRECTIONS.schema)


SET: dict[str, tuple[str | None, Sequence[str], str | None]] = {
    "a field that is there": ('{"id":"m","titulo":""}', ["titulo=El viaje"], '{"id":"m","titulo":"El viaje"}'),
    "one that is not": ('{"id":"m"}', ["rating=3.5"], '{"id":"m","rating":3.5}'),
    "several": ('{"a":1}', ["b=2", "a=0"], '{"a":0,"b":2}'),
    "arrays and objects stay": ('{"a":{"x":[1,"ñ"]}}', ["b=[1]"], '{"a":{"x":[1,"ñ"]},"b":[1]}'),
    "null": ('{"a":1}', ["a=null"], '{"a":null}'),
    "an empty object": ("{}", ["a=1"], '{"a":1}'),
    "quotes": ("{}", ['a=say "hi"'], '{"a":"say \\"hi\\""}'),
    "no object: an array": ("[1]", ["a=1"], None),
    "no object: two documents": ('{"a":1} {"a":2}', ["a=1"], None),
    "no object: cut off": ('{"a":1', ["a=1"], None),
    "no object: nothing": (None, ["a=1"], None),
}


@pytest.mark.parametrize("case", SET)
def test_fields_are_set_in_json_objects(spark: SparkSession, case: str) -> None:
    value, assignments, expected = SET[case]
    found = corrections.entries(quarantined(spark, {"value": value}), log(spark))
    rows = corrections.with_fields(found, [assignment(text) for text in assignments]).collect()
    assert [row["corrected"] for row in rows] == ([] if expected is None else [expected])


@pytest.mark.parametrize("value", ['"\\ud83d"', '"\udcff"', '{"a":1,"a":2}', "[" * 300 + "]" * 300])
def test_a_value_that_silver_would_refuse_is_refused(spark: SparkSession, value: str) -> None:
    found = corrections.entries(quarantined(spark, {"value": "{}"}), log(spark))
    with pytest.raises(InputError, match="--set titulo: the value is not strict JSON"):
        corrections.with_fields(found, [Assignment("titulo", value)])


def test_the_last_correction_counts_and_the_next_builds_on_it(spark: SparkSession) -> None:
    found = corrections.entries(
        quarantined(spark, {"value": "sent"}, {"value": "untouched"}),
        log(
            spark,
            {"offset": 0, "replay_id": 2, "value": '{"a":2}'},
            {"offset": 0, "replay_id": 10, "value": '{"a":10}'},
            {"offset": 0, "replay_id": 9, "value": '{"a":9}'},
        ),
    )
    rows = found.orderBy("offset").select("value", "sent", "corrected").collect()
    assert [tuple(row) for row in rows] == [('{"a":10}', "sent", '{"a":10}'), ("untouched", "untouched", None)]
    rows = corrections.with_fields(found, [assignment("b=1")]).collect()
    assert [row["corrected"] for row in rows] == ['{"a":10,"b":1}']


def test_a_record_that_is_quarantined_twice_is_one_entry(spark: SparkSession) -> None:
    """Earlier versions left such rows: replayed as two, they would be logged and merged twice."""
    rows = quarantined(spark, {"value": "sent"}, {"value": "other"})
    found = corrections.entries(rows.unionAll(rows), log(spark, {"offset": 0, "replay_id": 1, "value": "new"}))
    entries = found.select("offset", "value", "sent").orderBy("offset").collect()
    assert [tuple(row) for row in entries] == [(0, "new", "sent"), (1, "other", "other")]


def test_the_value_that_was_sent_takes_a_correction_back(spark: SparkSession) -> None:
    found = corrections.entries(
        quarantined(spark, {"value": "sent"}, {"value": None, "value_raw": b"\xff"}, {"value": "left out"}),
        log(spark, {"offset": 0, "replay_id": 1, "value": "wrong"}),
    )
    values = [("t", 0, 0, "sent"), ("t", 0, 1, "text")]
    fixed = spark.createDataFrame(values, "topic string, partition int, `offset` bigint, value string")
    records = corrections.as_records(corrections.with_values(found, fixed)).orderBy("offset")
    # a corrected value replaces the bytes as well
    assert [tuple(row) for row in records.select("offset", "value", "value_raw", "corrected").collect()] == [
        (0, "sent", None, None),
        (1, "text", None, "text"),
    ]


def test_what_the_quarantine_does_not_show_yet_is_unsettled(spark: SparkSession) -> None:
    other = [("id_missing", "id", None)]
    found = corrections.entries(
        quarantined(
            spark,
            {"key": "open as recorded"},
            {"key": "resolved as recorded", "status": "resolved"},
            {"key": "never corrected"},
            {"key": "to be resolved"},
            {"key": "has other reasons"},
        ),
        log(
            spark,
            {"offset": 0, "replay_id": 1},
            {"offset": 1, "replay_id": 1, "outcome": "applied"},
            {"offset": 3, "replay_id": 1, "outcome": "superseded"},
            {"offset": 4, "replay_id": 1, "reasons": other},
        ),
    )
    rows = corrections.unsettled(found).orderBy("offset").collect()
    assert [row["key"] for row in rows] == ["to be resolved", "has other reasons"]
    # and a record about to be resolved is no longer open
    rows = corrections.selected(found, rule=None, since=None).orderBy("offset").collect()
    assert [row["key"] for row in rows] == ["open as recorded", "never corrected", "has other reasons"]


def test_rows_are_selected_by_rule_and_time(spark: SparkSession) -> None:
    both = [("id_missing", "id", None), ("titulo_missing", "titulo", None)]
    found = corrections.entries(
        quarantined(
            spark,
            {"key": "one rule, too early", "kafka_timestamp": moment("2025-05-13T11:59:59Z")},
            {"key": "one rule"},
            {"key": "both", "reasons": both},
            {"key": "resolved", "reasons": both, "status": "resolved"},
        ),
        log(spark),
    )

    def keys(rule: str | None, since: str | None) -> list[str]:
        chosen = corrections.selected(found, rule=rule, since=moment(since) if since else None)
        return [row["key"] for row in chosen.orderBy("offset").collect()]

    assert keys("id_missing", None) == ["both"]
    assert keys("titulo_missing", KAFKA_TIME) == ["one rule", "both"]
    assert keys(None, "2025-05-13T12:00:01Z") == []


def test_a_corrected_record_is_quarantined_again_in_a_rebuild(spark: SparkSession) -> None:
    """For the reasons recorded last, whatever today's rules say."""
    reasons = "reasons array<struct<rule:string,field:string,value:string>>"
    columns = f"topic string, partition int, `offset` bigint, {reasons}"
    judged = spark.createDataFrame([("t", 0, 0, []), ("t", 0, 1, []), ("u", 0, 0, [])], columns)
    other = [("id_missing", "id", None)]
    corrected = log(spark, {"offset": 0, "replay_id": 1}, {"offset": 0, "replay_id": 2, "reasons": other})
    rows = corrections.withhold(judged, corrected).orderBy("topic", "offset").collect()
    assert [[reason["rule"] for reason in row["reasons"]] for row in rows] == [["id_missing"], [], []]
