"""The platform's conformance records, published to a real broker and followed into silver."""

import base64
import json
from collections.abc import Mapping
from datetime import UTC, date, datetime
from typing import Any, NamedTuple

import pytest
from pyspark.sql import Row, SparkSession
from pyspark.sql import functions as F

from bronze.ingest import ingest
from lakehouse.kafka.client import Cluster
from lakehouse.kafka.topics import ensure_topics
from lakehouse.settings import Settings, load_settings
from lakehouse.spark.lakehouse import SparkLakehouse
from lakehouse.tables import BRONZE_EVENTS, BRONZE_FEEDBACK, CATALOGUE, SILVER_BATCHES, SILVER_QUARANTINE, Table
from producers.sending.delivery import publish
from producers.sending.records import Record
from silver.refine import refine
from tests.support.folders import SHARED

FILE = SHARED / "conformance" / "messages.jsonl"
MESSAGES: list[dict[str, Any]] = (
    [json.loads(line) for line in FILE.read_text(encoding="utf-8").splitlines()] if FILE.is_file() else []
)
TABLES = {table.sql_name: table for table in CATALOGUE}
STATE = ("silver.users", "silver.content", "silver.feedback")

pytestmark = pytest.mark.skipif(not MESSAGES, reason=f"needs the conformance records in {FILE}")


class Silver(NamedTuple):
    """Silver after all messages: rows by id and table, broken rules by (topic kind, offset), sums of batches."""

    rows: Mapping[str, Mapping[str, list[Row]]]
    rules: Mapping[tuple[str, int], list[str]]
    sums: Row
    bronze_rows: int


def sent_value(message: Mapping[str, Any]) -> bytes | None:
    if "value_base64" in message:
        return base64.b64decode(message["value_base64"])
    return None if message["value"] is None else message["value"].encode()


def record(message: Mapping[str, Any]) -> Record:
    at = datetime.fromisoformat(message["kafka_timestamp"])
    key = message["key"]
    return Record(None if key is None else key.encode(), sent_value(message), round(at.timestamp() * 1000))


def place(message: dict[str, Any]) -> tuple[str, int]:
    """The message's topic as named in the file, and its offset there: one partition, in file order."""
    before = MESSAGES[: MESSAGES.index(message)]
    return message["topic"], sum(other["topic"] == message["topic"] for other in before)


@pytest.fixture(scope="module")
def silver(spark: SparkSession, broker: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Silver:
    base = load_settings()
    # the file's names with a suffix, because other tests share the broker
    names = {name: f"{name}-conformance" for name in base.kafka.topics}
    fields = ("users_topic", "movies_topic", "series_topic", "feedback_topic")
    topics = {field: names[getattr(base.kafka, field)] for field in fields}
    kafka = base.kafka.model_copy(update={"bootstrap_servers": broker.bootstrap, "partitions": 1, **topics})
    root = str(tmp_path_factory.mktemp("conformance"))
    settings = base.model_copy(update={"root": root, "kafka": kafka})
    ensure_topics(broker, kafka.topics, partitions=1, replication_factor=1, timeout_seconds=20)
    for name, topic in names.items():
        records = [record(message) for message in MESSAGES if message["topic"] == name]
        publish(records, topic=topic, cluster=broker).require_complete(topic)
    ingest(spark, settings, broker)
    refine(spark, settings)
    return collected(spark, settings)


def collected(spark: SparkSession, settings: Settings) -> Silver:
    lake = SparkLakehouse(settings.root, spark)
    rows: dict[str, dict[str, list[Row]]] = {}
    for name in STATE:
        rows[name] = {}
        for row in shown(spark, settings.root, TABLES[name]):
            rows[name].setdefault(row["id"], []).append(row)
    quarantine = lake.read(SILVER_QUARANTINE)
    rules = quarantine.select("topic", "offset", F.array_sort(F.array_distinct("reasons.rule")).alias("rules"))
    names = ("rows_in", "applied", "superseded", "deleted", "quarantined")
    sums = lake.read(SILVER_BATCHES).agg(*[F.sum(name).alias(name) for name in names])
    bronze = [lake.read(table).count() for table in (BRONZE_EVENTS, BRONZE_FEEDBACK)]
    return Silver(
        rows,
        {(row["topic"].removesuffix("-conformance"), row["offset"]): row["rules"] for row in rules.collect()},
        sums.collect()[0],
        sum(bronze),
    )


def shown(spark: SparkSession, root: str, table: Table) -> list[Row]:
    """The rows with timestamps as text in UTC: Python would read them in the machine's zone."""
    rows = SparkLakehouse(root, spark).read(table)
    times = {
        name: F.date_format(name, "yyyy-MM-dd'T'HH:mm:ss.SSSSSS'Z'")
        for name, kind in rows.dtypes
        if kind == "timestamp"
    }
    return rows.withColumns(times).collect()


def comparable(value: object, expected: object) -> tuple[object, object]:
    """Dates and times from the file and the table in the same form."""
    if isinstance(value, date) and isinstance(expected, str):
        return value.isoformat(), expected
    if isinstance(value, str) and isinstance(expected, str) and value.endswith("Z") and "T" in expected:
        return instant(value), instant(expected)
    return value, expected


def instant(text: str) -> datetime:
    return datetime.fromisoformat(text).astimezone(UTC)


def with_expectation(kind: str) -> list[Any]:
    return [pytest.param(message, id=message["case"]) for message in MESSAGES if kind in message["expect"]]


@pytest.mark.parametrize("message", with_expectation("row"))
def test_a_valid_record_leaves_this_row(silver: Silver, message: dict[str, Any]) -> None:
    expected = message["expect"]["row"]
    found = silver.rows[message["expect"]["table"]].get(expected["id"], [])
    assert len(found) == 1
    pairs = {name: comparable(found[0][name], value) for name, value in expected.items()}
    assert {name: got for name, (got, _) in pairs.items()} == {name: want for name, (_, want) in pairs.items()}
    assert place(message) not in silver.rules


@pytest.mark.parametrize("message", with_expectation("rules"))
def test_a_broken_record_is_quarantined_with_all_its_rules(silver: Silver, message: dict[str, Any]) -> None:
    assert silver.rules[place(message)] == message["expect"]["rules"]


@pytest.mark.parametrize("message", with_expectation("superseded_by"))
def test_a_superseded_record_leaves_no_row(silver: Silver, message: dict[str, Any]) -> None:
    assert place(message) not in silver.rules
    assert place(message) not in sources(silver)


@pytest.mark.parametrize("message", with_expectation("deleted_by") + with_expectation("deletes"))
def test_a_deleted_record_leaves_no_row(silver: Silver, message: dict[str, Any]) -> None:
    assert place(message) not in silver.rules
    assert not any(message["key"] in rows for rows in silver.rows.values())


def sources(silver: Silver) -> set[tuple[str, int]]:
    """The records that silver's rows come from."""
    found = [row for table in silver.rows.values() for rows in table.values() for row in rows]
    return {(row["topic"].removesuffix("-conformance"), row["offset"]) for row in found}


def test_every_message_is_in_exactly_one_count(silver: Silver) -> None:
    kinds = {
        kind: len(with_expectation(kind)) for kind in ("row", "rules", "superseded_by", "deleted_by", "deletes")
    }
    assert sum(kinds.values()) == len(MESSAGES) == silver.bronze_rows
    assert silver.sums.asDict() == {
        "rows_in": len(MESSAGES),
        "applied": kinds["row"],
        # within one batch, a record that a later tombstone deletes was never applied
        "superseded": kinds["superseded_by"] + kinds["deleted_by"],
        "deleted": kinds["deletes"],
        "quarantined": kinds["rules"],
    }
    assert len(sources(silver)) == kinds["row"]
