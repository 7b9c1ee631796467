"""The quarantine's work list, with and without corrections; every row says why it is there."""

from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest

from lakehouse.errors import InputError
from lakehouse.lakehouse import Lakehouse
from lakehouse.tables import SILVER_CORRECTIONS, SILVER_QUARANTINE
from silver.quarantine.worklist import by_rule, count_by_status, entries, of_rule, require_rule
from tests.support.delta_tables import NOON, record, rejected, write

DAY = timedelta(days=1)


def correction(offset: int, replay: int, value: str | None) -> dict[str, Any]:
    row = record(offset)
    del row["event_timestamp"]
    decided = {"replay_id": replay, "replayed_at": NOON, "cause": "--set", "outcome": "open", "reasons": []}
    return {**row, **decided, "value": value}


@pytest.fixture
def lake(tmp_path: Path) -> Lakehouse:
    write(
        tmp_path,
        SILVER_QUARANTINE,
        rejected(9, "b_rule"),
        rejected(2, "a_rule", "b_rule", "a_rule"),  # a rule broken twice counts once
        rejected(3, "a_rule", kafka_timestamp=NOON - DAY),
        rejected(3, "a_rule", quarantined_at=NOON + DAY),  # bronze held the record twice
        rejected(4, "a_rule", topic="movies"),
        rejected(5, "a_rule", status="resolved"),
        rejected(6, "not_utf8", value=None, value_raw=b"\xff\x0a", key=None, key_raw=b"\xfe"),
    )
    return Lakehouse(tmp_path)


def test_open_rows_are_grouped_by_rule_topic_and_day(lake: Lakehouse) -> None:
    groups = by_rule(entries(lake))
    assert [tuple(group[:4]) for group in groups] == [
        ("a_rule", "movies", NOON.date(), 1),
        ("a_rule", "users", date(2025, 5, 12), 1),
        ("a_rule", "users", NOON.date(), 1),
        ("b_rule", "users", NOON.date(), 2),
        ("not_utf8", "users", NOON.date(), 1),
    ]
    assert count_by_status(entries(lake)) == {"open": 5, "resolved": 1}
    assert groups[3].sample == {
        "topic": "users",
        "partition": 0,
        "offset": 2,
        "key": "u2",
        "id": "u2",
        "type": "user",
        "reason": {"rule": "b_rule", "field": "clasificacion", "value": "C2"},
        "sent": '{"id":"u2"}',
    }
    assert (groups[4].sample["key"], groups[4].sample["sent"]) == (None, "FF0A")


def test_the_rows_of_a_rule_come_in_kafka_order_with_bytes_as_digits(lake: Lakehouse) -> None:
    assert [(row["topic"], row["offset"]) for row in of_rule(entries(lake), "a_rule")] == [
        *(("movies", 4), ("users", 2), ("users", 3))
    ]
    [row] = of_rule(entries(lake), "not_utf8")
    assert (row["key"], row["value"], row["is_corrected"]) == ("FE", "FF0A", False)
    assert of_rule(entries(lake), "c_rule") == []


def test_the_last_correction_of_a_record_counts(lake: Lakehouse) -> None:
    rows = [
        correction(9, 1, '{"id":"x"}'),
        correction(9, 2, '{"id":"y"}'),
        correction(2, 1, "{}"),
        correction(2, 2, None),
    ]
    write(Path(lake.root), SILVER_CORRECTIONS, *rows)
    found = {row["offset"]: (row["value"], row["is_corrected"]) for row in of_rule(entries(lake), "b_rule")}
    assert found == {9: ('{"id":"y"}', True), 2: ('{"id":"u2"}', False)}  # null takes an earlier value back
    # the list shows what was sent
    assert by_rule(entries(lake))[3].sample["sent"] == '{"id":"u2"}'


def test_a_rule_is_one_of_silvers_or_one_that_a_record_broke(lake: Lakehouse) -> None:
    for rule in ("titulo_missing", "b_rule"):
        require_rule(entries(lake), rule)
    with pytest.raises(InputError, match=r"no rule 'titulo_mising'; did you mean titulo_missing\?"):
        require_rule(entries(lake), "titulo_mising")
