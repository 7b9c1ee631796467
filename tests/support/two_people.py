"""A lakehouse of two people, u1 and u11, in every table that can hold something about them. No Spark."""

import json
from pathlib import Path
from typing import Any

import pyarrow as pa

from lakehouse.tables import (
    BRONZE_EVENTS,
    BRONZE_FEEDBACK,
    GOLD_RECOMMENDATIONS,
    QUALITY_RESULTS,
    SILVER_CORRECTIONS,
    SILVER_FEEDBACK,
    SILVER_QUARANTINE,
    SILVER_TOMBSTONES,
    SILVER_USERS,
)
from tests.support.delta_tables import NOON, fill, record, rejected, user, write, write_model
from tests.support.records import FEEDBACK, USER


def sent(offset: int, value: dict[str, Any] | str | None, key: str, topic: str = "users") -> dict[str, Any]:
    text = json.dumps(value) if isinstance(value, dict) else value
    place = {"topic": topic, "partition": 0, "offset": offset, "kafka_timestamp": NOON, "ingested_at": NOON}
    return place | {"key": key, "value": text}


def feedback(offset: int, person: str) -> dict[str, Any]:
    event = {"id": f"f{offset}", "user_id": person, "content_id": "m", "action": "like"}
    return {**event, **record(offset, topic="feedback")}


def make(root: Path) -> None:
    """Users u1 and u11, each with feedback; u1 has deleted one, sent a broken record and had one corrected."""
    for table in (BRONZE_EVENTS, BRONZE_FEEDBACK):
        fill(str(root), table, [])  # with its properties: its log has no statistics about keys and values
    write(
        root,
        BRONZE_EVENTS,
        sent(1, USER | {"id": "u1"}, "u1"),
        sent(2, USER | {"id": "u11"}, "u11"),
        sent(3, '{"id": "u1", "ty', "u1"),
        sent(4, '{"id": "u11", "ty', "u11"),
        sent(5, USER | {"id": "\\u00751"}, "k"),  # as written in JSON: this is not an escape of u1
        sent(6, '{"id": "\\u0075\\u0031", "type": "user"}', "k"),  # this is
        sent(7, USER | {"id": None}, "k"),  # whose it is says only its correction
    )
    write(
        root,
        BRONZE_FEEDBACK,
        sent(1, FEEDBACK | {"id": "f1", "user_id": "u1"}, "f1", "feedback"),
        sent(2, FEEDBACK | {"id": "f2", "user_id": "u11"}, "f2", "feedback"),
        sent(3, FEEDBACK | {"id": "f3", "user_id": "u1"}, "f3", "feedback"),
        sent(4, None, "f3", "feedback"),
        sent(5, None, "f9", "feedback"),
    )
    write(root, SILVER_USERS, user(1, "Ana"), user(11, "Luis"))
    write(root, SILVER_FEEDBACK, feedback(1, "u1"), feedback(2, "u11"))
    write(
        root, SILVER_TOMBSTONES, *({"id": f"f{offset}", **record(offset, topic="feedback")} for offset in (3, 9))
    )
    write(
        root,
        SILVER_QUARANTINE,
        rejected(3, "not_json_object", value='{"id": "u1", "ty'),
        rejected(4, "not_json_object", key="u11", value='{"id": "u11", "ty'),
        rejected(7, "id_missing", key="k", value=json.dumps(USER | {"id": None})),
    )
    correction = {**record(7), "replay_id": 1, "replayed_at": NOON, "cause": "fix", "outcome": "applied"}
    correction |= {"value": json.dumps(USER | {"id": "u1"}), "reasons": [], "target": "users", "id": "u1"}
    write(root, SILVER_CORRECTIONS, correction)
    place = {"content_id": "m", "rank": 1, "predicted_rating": 4.0, "source": "als", "model_version": "als-1"}
    write(root, GOLD_RECOMMENDATIONS, {"user_id": "u1", **place}, {"user_id": "u11", **place})
    check = {"run_id": "r", "table_name": "silver.users", "version": 1, "column": "id", "success": False}
    checks = (
        {**check, "expectation": text, "expected": "", "observed": text, "checked_at": NOON} for text in "ab"
    )
    write(root, QUALITY_RESULTS, *(one | {"observed": f"1 of 2: u1{one['observed']}, u1"} for one in checks))
    factors = pa.table({"user_id": ["u1", "u11"], "factors": [[1.0], [2.0]]})
    write_model(str(root), "als-1", {"user_factors": factors})
